"""Find the TCP ports that an application needs on a host and cannot have there. All functions are pure.

An application cannot have a port in three cases: another program listens on the port, another configuration file names
the port, or the application needs the port twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.model import Color
from orchestrator.provision import render
from orchestrator.provision.bind import ALL_IPV4, Bind, address
from orchestrator.provision.in_use import HAPROXY, NGINX, SERVICE_ADDRESS, Claim, InUse, Listener

HIDDEN = "a program whose name the kernel hides"


@dataclass(frozen=True)
class Want:
    """A port that an application needs on a host.

    + setting: the key of the setting that names the port, such as ``ports.blue``
    + bind: the address and the port
    + owner: the systemd unit that will listen on the port. For a color's nginx and services, this is the systemd target
      that groups the units of the color.
    + path: path of the configuration file that provisioning will install for this port; empty for a color's nginx and
      services
    + default: whether the application will be nginx's default server of the port. Then other configuration files may
      also name the port, if their servers have their own server names.
    """

    setting: str
    bind: Bind
    owner: str
    path: str = ""
    default: bool = False


@dataclass(frozen=True)
class Problem:
    """A port that an application cannot have on a host.

    + host: name of the host
    + text: one line that says why, and which setting to change
    """

    host: str
    text: str


def on_node(settings: Settings) -> list[Want]:
    """Return the ports that nginx and the services of an application need on each node."""
    live = settings.ports.live
    wants = [Want("ports.live", Bind(ALL_IPV4, live, live), NGINX, render.nginx_conf(settings))]
    for color in Color:
        port = settings.ports.of(color)
        wants.append(Want(f"ports.{color}", Bind(ALL_IPV4, port, port), settings.node.target(color)))
    for service in settings.services:
        if service.ports is None:
            continue
        for color in Color:
            port = service.ports.of(color)
            setting = f"services.{service.name}.ports.{color}"
            wants.append(Want(setting, Bind(SERVICE_ADDRESS, port, port), settings.node.target(color)))
    return wants


def on_balancer(settings: Settings, switch: BalancerSwitch) -> list[Want]:
    """Return the ports that an application needs on each balancer of a switch.

    These are the ports to which users connect and, if the settings have a port for previews, this port.
    """
    nginx = switch.kind == "nginx"
    owner, path = (NGINX, render.nginx_conf(settings)) if nginx else (HAPROXY, settings.balancer.haproxy_conf)
    key = f"switches.{switch.kind}"
    users = {f"{key}.listen": (switch.listen, render.HTTP)}
    if switch.tls:
        users[f"{key}.tls.listen"] = (switch.tls.listen, render.HTTPS)
    wants = [
        Want(setting, Bind(ALL_IPV4, port, port), owner, path, default=nginx and port == usual)
        for setting, (port, usual) in users.items()
    ]
    preview = render.preview(settings)
    if preview and preview.port:
        wants.append(Want("preview.port", Bind(address(preview.bind), preview.port, preview.port), owner, path))
    return wants


def problems(settings: Settings, host: str, wants: Sequence[Want], found: InUse) -> list[Problem]:
    """Return a problem for each port that is taken, and for each port that the application needs twice.

    A port is taken if a configuration file of another application or of the system names the port. A port is also taken
    if a program listens on the port, and the application needs the port for a different program.

    The following does not take a port:

    * files that provisioning replaces: the application's own files
    * nginx's welcome page, if the application needs port 80 of nginx, because provisioning then removes this page
    * files with nginx servers that have their own server names, if the application will be the default server of the
      port
    * HAProxy, if HAProxy is to get the port, and nginx, if nginx is to get the port. When the program loads its new
      configuration, the program uses the port for this application.
    * a service of the application, if a service of the same color is to get the port
    * a program whose name the kernel hides, if this program may belong to the application, or may be the program that
      is to get the port

    + settings: settings of the application
    + host: name of the host
    + wants: the ports that the application needs on the host
    + found: the ports that are in use on the host
    """
    taken = [
        Problem(host, f"port {want.bind.first} is taken by {' and '.join(holders)}: change {want.setting}")
        for want in wants
        if (holders := _holders(settings, want, wants, found))
    ]
    twice = [
        Problem(
            host, f"port {other.bind.first} is needed by both {one.setting} and {other.setting}: change one of them"
        )
        for one, other in itertools.combinations(wants, 2)
        if one.bind.overlaps(other.bind)
    ]
    return [*taken, *twice]


def lines(found: Iterable[Problem]) -> list[str]:
    """Return one line for each problem. If several hosts have the same problem, one line names all these hosts."""
    hosts: dict[str, list[str]] = {}
    for problem in found:
        hosts.setdefault(problem.text, []).append(problem.host)
    return [f"{', '.join(names)}: {text}" for text, names in hosts.items()]


def _holders(settings: Settings, want: Want, wants: Sequence[Want], found: InUse) -> list[str]:
    """Return the paths of other configuration files that name a wanted port, or the programs that listen on the port.

    If at least one other file names the port, the result has only the paths of these files. Otherwise the result has
    the programs that listen on the port, except programs for which `_belongs` is True. If the port is free, the result
    is empty.

    + want: the wanted port
    + wants: all ports that the application needs on the host
    + found: the ports that are in use on the host
    """
    paths, targets = {other.path for other in wants}, {settings.node.target(color) for color in Color}
    removes = any(other.owner == NGINX and other.bind.first == render.HTTP for other in wants)
    named = [claim for claim in found.claims if claim.bind.overlaps(want.bind)]

    def is_ours(claim: Claim) -> bool:
        return claim.path in paths or claim.owner in targets

    def is_free(claim: Claim) -> bool:
        removed = removes and claim.path == found.welcome
        return removed or is_ours(claim) or (claim.shared and want.default and claim.bind == want.bind)

    if others := [claim.path for claim in named if not is_free(claim)]:
        return list(dict.fromkeys(others))
    known = any(is_ours(claim) for claim in found.claims)
    # in an earlier version, nginx of the node had the ports of the colors; it gives up a port before nginx of the color
    # takes the port
    given = want.setting.startswith("ports.") and any(claim.owner == NGINX and is_ours(claim) for claim in named)
    owners = {want.owner, NGINX} if given else {want.owner}
    listeners = [
        _named(listener, named)
        for listener in found.listeners
        if listener.bind.overlaps(want.bind) and not _belongs(listener, owners, named, known)
    ]
    return list(dict.fromkeys(listeners))


def _belongs(listener: Listener, owners: Collection[str], named: Sequence[Claim], known: bool) -> bool:
    """Return whether the application can have a wanted port although a program listens on the port.

    This is the case for the programs of ``owners``. If the kernel hides which program listens, the result is True in
    two cases: a configuration file says that a program of ``owners`` uses the port, or the hidden program may belong to
    this application.

    + listener: the listening socket of the program
    + owners: systemd units or targets. Their programs are to get the port, or give up the port in time.
    + named: the ports in configuration files that overlap the wanted port
    + known: whether a configuration file of this application is on the host, so that a hidden program may belong to
      this application
    """
    if not listener.processes:
        return known or any(claim.owner in owners for claim in named)
    return any(process.owner in owners for process in listener.processes)


def _named(listener: Listener, named: Sequence[Claim]) -> str:
    """Return a text that describes the program of a listening socket for the operator.

    The text has the name of the program, its systemd unit, and the configuration files that make the program listen.

    + named: the ports in configuration files that overlap the wanted port
    """
    if not listener.processes:
        return HIDDEN
    process = listener.processes[0]
    about = [process.unit, *(claim.path for claim in named if claim.owner == process.unit)]
    known = ", ".join(dict.fromkeys(text for text in about if text))
    return f"{process.name} ({known})" if known else process.name

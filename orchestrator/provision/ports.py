"""Decide which of the TCP ports that an application needs on a host are taken by something else. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
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
    + owner: systemd unit that will listen; for a service, the target of its color
    + path: the configuration file that provisioning will install for this port; empty for a service
    + default: whether nginx will be the default server of the port, so that other files may name the port for servers
      that have names of their own
    """

    setting: str
    bind: Bind
    owner: str
    path: str = ""
    default: bool = False


@dataclass(frozen=True)
class Problem:
    """A port that an application cannot have on a host.

    + text: what is wrong, and which setting to change
    """

    host: str
    text: str


def on_node(settings: Settings) -> list[Want]:
    """Return the ports that an application needs on each node: those of nginx, and those of the services."""
    wants = [
        Want(f"ports.{name}", Bind(ALL_IPV4, port, port), NGINX, render.nginx_conf(settings))
        for name, port in settings.ports.model_dump().items()
    ]
    for service in settings.services:
        if service.ports is None:
            continue
        for color in Color:
            port = service.ports.of(color)
            setting = f"services.{service.name}.ports.{color}"
            wants.append(Want(setting, Bind(SERVICE_ADDRESS, port, port), settings.node.target(color)))
    return wants


def on_balancer(settings: Settings, switch: BalancerSwitch) -> list[Want]:
    """Return the ports that an application needs on each balancer of a switch: those of users, and the preview's."""
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
    """Return a problem for each wanted port that something else has, and for each port that is wanted twice.

    A port is taken if a configuration file of another application or of the system names it. A port is also taken if
    a program listens on it that is not the program that will listen there. The following does not take a port:

    * a file that provisioning replaces or removes: the application's own files, and nginx's welcome page
    * HAProxy or nginx, if no other file names the port: the program gives the port up, or keeps it for this
      application, when it loads the new configuration
    * a service of the application in the same color

    + host: name of the host
    + wants: ports that the application needs on the host
    + found: ports that are in use on the host
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
    """Return one line for each problem. If several hosts have the same problem, the line names all of them."""
    hosts: dict[str, list[str]] = {}
    for problem in found:
        hosts.setdefault(problem.text, []).append(problem.host)
    return [f"{', '.join(names)}: {text}" for text, names in hosts.items()]


def _holders(settings: Settings, want: Want, wants: Sequence[Want], found: InUse) -> list[str]:
    """Return what has a wanted port: configuration files, or else programs. Empty if the port is free."""
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
    listeners = [
        _named(listener, named)
        for listener in found.listeners
        if listener.bind.overlaps(want.bind) and not _belongs(listener, want, named, known)
    ]
    return list(dict.fromkeys(listeners))


def _belongs(listener: Listener, want: Want, named: Sequence[Claim], known: bool) -> bool:
    """Return whether a listening socket is no obstacle, because its program is the program that will have the port.

    + named: what configuration files say about the port
    + known: whether the host has the application already, so that a hidden program may be the application's
    """
    if not listener.processes:
        return known or any(claim.owner == want.owner for claim in named)
    return any(process.owner == want.owner for process in listener.processes)


def _named(listener: Listener, named: Sequence[Claim]) -> str:
    """Return the name of the program that has a socket, its systemd unit, and the file because of which it listens."""
    if not listener.processes:
        return HIDDEN
    process = listener.processes[0]
    about = [process.unit, *(claim.path for claim in named if claim.owner == process.unit)]
    known = ", ".join(dict.fromkeys(text for text in about if text))
    return f"{process.name} ({known})" if known else process.name

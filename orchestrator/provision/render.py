"""Render the configuration files and scripts that provisioning installs, from the settings. All functions are pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from orchestrator.config import Settings
from orchestrator.config.preview import Preview
from orchestrator.config.service import Service
from orchestrator.config.source import GitSource
from orchestrator.config.switch import HAProxySwitch, NginxSwitch
from orchestrator.config.worker import MOST
from orchestrator.errors import UsageError
from orchestrator.layout import HAPROXY_DIRECTORY, HEALTH, PAGE
from orchestrator.model import Color
from orchestrator.provision import certificate
from orchestrator.provision.members import Listed
from orchestrator.runtimes import runtime_of
from orchestrator.scripts.files import read
from orchestrator.stack.nginx import nearest_first
from orchestrator.stack.render import templates as environment
from orchestrator.switches.record import FLUSH, RING_LINE

NOTICE = "Written by provisioning; what is changed here by hand is lost."
TEMPLATES = Path(__file__).parent / "templates"

UNITS = "/etc/systemd/system"
"""The directory of systemd's unit files."""

HTTP, HTTPS = 80, 443
"""The usual ports of http and https.

If nginx on a balancer listens on one of these ports, the application's server is the default server of this port.
"""

WELCOME = "/etc/nginx/sites-enabled/default"
"""The file with which the Linux distribution configures nginx's welcome page.

The file makes the welcome page the default server of port 80.
"""


def templates(trim: bool = True) -> Environment:
    """Return the environment that renders the jinja2 templates of provisioning.

    + trim: whether the result leaves out a line that has only a block tag, such as ``{% if %}``. If False, the result
      has an empty line there.
    """
    return environment(TEMPLATES, trim)


def _render(template: str, **values: object) -> str:
    return templates().get_template(template).render(notice=NOTICE, **values)


def script(name: str) -> str:
    """Return the text of a script or PHP file in ``templates/`` that is installed unchanged.

    + name: name of the file
    """
    return (TEMPLATES / name).read_text()


def variable(settings: Settings) -> str:
    """Return the prefix of this deployment's variables in nginx's configuration, such as ``$bg_shop``.

    Because of ``$bg_``, the variables of an application called ``http`` differ from nginx's variables, such as
    ``$http_host``. With the setting ``deployment``, the prefix ends with an underscore. Otherwise the variable
    ``$bg_shop_preview_pool`` of the application ``shop`` would also be a variable of its deployment ``preview``.
    """
    return "$bg_" + settings.name.replace("-", "_") + ("_" if settings.deployment else "")


def nginx_conf(settings: Settings) -> str:
    """Return the path of the application's configuration file of nginx, on a node and on an nginx balancer."""
    return f"/etc/nginx/conf.d/{settings.name}.conf"


def front_nginx(settings: Settings, proxies: Sequence[str] = ()) -> str:
    """Return the text of ``conf.d/<name>.conf`` on a node, with which nginx of the distribution serves the live port.

    + proxies: IP addresses and networks of the trusted proxies
    """
    v = variable(settings)
    return _render(
        "front.nginx.j2",
        v=v,
        v_color=f"{v}_color",
        root=settings.node.root,
        port=settings.ports.live,
        upstream=f"{settings.name}_color",
        drain=settings.node.drain_mark,
        sockets={color.value: settings.node.nginx_socket(color) for color in Color},
        proxies=list(dict.fromkeys(proxies)),
    )


def servers_nginx(settings: Settings, node_name: str, proxies: Sequence[str] = ()) -> str:
    """Return the text of the file with those nginx settings that belong to a node and not to a release.

    nginx of both colors includes this file. The settings are the trusted proxies, the token that a request must send to
    get the marker, and the name of the node.

    Raises UsageError if the name of the node has a character that the header X-Node does not allow.

    + node_name: name of the node in the header X-Node of answers
    + proxies: IP addresses and networks of the trusted proxies
    """
    if not re.fullmatch(r"[A-Za-z0-9._:@/-]+", node_name):
        raise UsageError(
            f"the inventory name {node_name!r} has a character that the X-Node header does not allow: use letters, "
            "digits and . _ : @ / -"
        )
    return _render(
        "servers.nginx.j2", proxies=list(dict.fromkeys(proxies)), token=probe_token(settings), node_name=node_name
    )


def nginx_without_release(settings: Settings, color: Color) -> str:
    """Return the configuration of a color's nginx for the time in which the color has no release.

    With this configuration, nginx answers every request with status 503.
    """
    layout = settings.node
    return _render(
        "nginx-none.conf.j2",
        color=color.value,
        listen=layout.listen(color),
        socket=layout.nginx_socket(color),
        cache=layout.cache(color),
    )


def nginx_scripts(settings: Settings) -> dict[str, str]:
    """Return the scripts for nginx of a color: name -> text.

    * ``nginx`` starts nginx of a color.
    * ``listen`` writes the file with the color's port, which nginx of the color includes.
    * ``check-stack`` checks the configuration files that a release has for its color.
    """
    layout = settings.node
    values = {
        "app": settings.name,
        "root": layout.root,
        "etc": layout.etc,
        "stack": layout.STACK,
        "run": f"/run/orchestrator/{settings.name}",
        "units": f"/etc/systemd/system/{settings.name}",
    }
    return {name: _render(f"{name}.j2", name=name, **values) for name in ("nginx", "listen", "check-stack")}


def _owns(settings: Settings) -> str:
    """Return the line of a unit file that lets the unit start only if the files belong to the web user.

    If the web user changes, the unit files change before the files are given to the new user. If a node reboots in
    between, the node must not start processes of the new user on files of the former user.
    """
    record = settings.node.web_user_record
    return f"ExecCondition=/bin/sh -c '[ ! -e {record} ] || grep -qxF {settings.web_user} {record}'"


def nginx_service(settings: Settings, color: Color) -> str:
    """Return the text of the systemd unit file of a color's nginx."""
    layout = settings.node
    return _render(
        "nginx.service.j2",
        app=settings.name,
        color=color.value,
        target=layout.target(color),
        run=layout.nginx_run(color),
        library=layout.library,
        port=settings.ports.of(color),
        web_user=settings.web_user,
        condition=_owns(settings),
    )


def nginx_loaded(settings: Settings, color: Color) -> str:
    """Return the path of a stamp, a file with checksums of the configuration that a color's nginx has loaded.

    The stamp has the checksums of the files that provisioning has installed, and not of the release's own
    configuration.
    """
    return f"{settings.node.nginx_run(color)}.loaded"


def socket_only(settings: Settings, color: Color) -> str:
    """Return the path of the socket-only mark of a color, which is an empty file.

    While this file exists, nginx of the color listens only at its socket, and not at the color's port.
    """
    return f"{settings.node.nginx_run(color)}.socket-only"


def logrotate(settings: Settings, web_group: str) -> str:
    """Return the configuration of logrotate for the access logs of the colors.

    + web_group: name of the web user's primary group
    """
    layout = settings.node
    return _render(
        "logrotate.j2",
        logs={color.value: layout.logs(color) for color in Color},
        units={color.value: layout.nginx(color) for color in Color},
        web_user=settings.web_user,
        web_group=web_group,
    )


ALLOW = "firewall.allow"
"""The setting that names more addresses from which the firewall of a node accepts connections."""


@dataclass(frozen=True)
class Allowed:
    """An address from which the firewall of a node accepts connections.

    + address: IP address or network
    + who: the owner of the address: ``balancer lb1``, or the setting that names the address
    """

    address: str
    who: str


def firewall_file(settings: Settings) -> str:
    """Return the path of the file with the firewall of the application on a node."""
    return f"{settings.node.etc}/firewall.nft"


def firewall_table(settings: Settings) -> str:
    """Return the name of the application's table in nftables."""
    return f"orchestrator_{settings.name.replace('-', '_')}"


def all_allowed(settings: Settings, balancers: Iterable[Allowed]) -> tuple[Allowed, ...]:
    """Return the addresses from which the firewall of a node accepts connections, each address once.

    + balancers: the addresses of the balancers. The result also has the addresses of the setting ``firewall.allow``.
    """
    found: dict[str, Allowed] = {}
    for each in (*balancers, *(Allowed(source, ALLOW) for source in sorted(settings.firewall.allow))):
        found.setdefault(each.address, each)
    return tuple(found.values())


def firewall(settings: Settings, balancers: Iterable[Allowed]) -> str:
    """Return the rules of nftables that let only some addresses open connections to the ports of a node.

    + balancers: the addresses of the balancers. The setting ``firewall.allow`` may name more addresses.
    """
    return firewall_rules(settings, settings.firewall_ports, all_allowed(settings, balancers))


def firewall_rules(settings: Settings, ports: Collection[int], allowed: Sequence[Allowed]) -> str:
    """Return the rules of nftables that let only some addresses open connections to some ports of a node.

    + ports: the protected ports; none for rules that only remove the table of the application
    + allowed: the addresses that can open connections to these ports
    """
    networks = [ipaddress.ip_network(each.address) for each in allowed]
    ipv4 = [each for each in networks if isinstance(each, ipaddress.IPv4Network)]
    ipv6 = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]
    return _render(
        "firewall.nft.j2",
        app=settings.name,
        table=firewall_table(settings),
        ports=sorted(ports),
        allowed=allowed,
        # the elements of a set must not overlap
        elements={4: list(ipaddress.collapse_addresses(ipv4)), 6: list(ipaddress.collapse_addresses(ipv6))},
    )


def firewall_service(settings: Settings) -> str:
    """Return the text of the systemd unit file that loads the firewall of a node at boot."""
    return _render(
        "firewall.service.j2",
        app=settings.name,
        path=firewall_file(settings),
        table=firewall_table(settings),
        nginx=[settings.node.nginx(color) for color in Color],
    )


def _services(settings: Settings) -> dict[str, object]:
    """Return the variables about services for the templates of the balancers: name of the variable -> value.

    The services are sorted by the length of their paths, the longest path first. A request goes to the service with the
    longest path that matches the request.
    """
    services = [
        {"name": service.name, "path": service.path, "path_regex": re.escape(service.path)}
        for service in nearest_first(settings)
    ]
    main = next((service for service in services if service["path"] == "/"), None)
    return {"services": services, "main": main, "stream_limit": f"{round(settings.stream_limit * 1000)}ms"}


def _maintenance(settings: Settings) -> dict[str, object]:
    """Return the variables about maintenance for the templates of the balancers: name of the variable -> value.

    Raises UsageError if the probe token has characters that need quoting in a configuration file.
    """
    found, layout = settings.maintenance, settings.balancer
    if found is None:
        return {"maintenance": None, "maintenance_token": "", "hold": False}
    return {
        "maintenance": found,
        "maintenance_token": settings.maintenance_token,
        "probe_token": checked_token(settings),
        "retry_after": round(found.retry_after),
        "page": layout.page,
        "page_map": layout.page_map,
        "page_mark": layout.page_mark,
        "page_path": PAGE,
        "hold": found.hold is not None,
        "hold_action": _hold_action(settings),
        "hold_map": layout.hold_map,
        "hold_script": layout.hold_script,
        "hold_socket": layout.hold_socket,
        "hold_mark": layout.hold_mark,
    }


def _hold_action(settings: Settings) -> str:
    """Return the name under which HAProxy knows the Lua function that lets requests of this application wait."""
    return f"hold_{settings.name.replace('-', '_')}"


def hold(settings: Settings) -> str:
    """Return the Lua script with which HAProxy lets requests wait."""
    return _render("hold.lua.j2", action=_hold_action(settings), map=settings.balancer.hold_map)


def probe_token(settings: Settings) -> str:
    """Return the token that a request must send to get the marker; empty if all answers have the marker.

    Raises UsageError if the token has characters that need quoting in a configuration file.
    """
    return "" if settings.marker.answers == "all" else checked_token(settings)


def checked_token(settings: Settings) -> str:
    """Return the probe token.

    Raises UsageError if the token has characters that need quoting in a configuration file, or if there is no token.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", settings.token):
        raise UsageError("settings: marker.token may contain only letters, digits, - and _")
    return settings.token


def preview(settings: Settings) -> Preview | None:
    """Return the settings of the preview; None if the settings have no preview token.

    A request with the preview token goes to the color with less traffic, so the operator sees a new release before
    users do.

    Raises UsageError if the token is too short, or if the token has characters that need quoting in a configuration
    file.
    """
    if not settings.preview_token:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", settings.preview_token):
        raise UsageError("settings: preview.token must have at least 16 characters: letters, digits, - and _")
    return settings.preview


def stamp(settings: Settings, color: Color) -> str:
    """Return the path of a color's stamp, a file with checksums of systemd unit files.

    The stamp is written when PHP-FPM or the main service of the color starts, so it shows which unit files were used.
    """
    return f"/run/orchestrator/{settings.name}-{color}.loaded"


def service_units(settings: Settings, color: Color) -> dict[str, str]:
    """Return the systemd unit files of a color's services: path -> text."""
    return {
        f"/etc/systemd/system/{settings.node.service_unit(color, service.name)}": service_unit(settings, service, color)
        for service in settings.services
    }


def _service_paths(settings: Settings, color: Color) -> list[str]:
    """Return the paths of the systemd unit files of a color's services."""
    layout = settings.node
    return [f"/etc/systemd/system/{layout.service_unit(color, service.name)}" for service in settings.services]


def service_unit(settings: Settings, service: Service, color: Color) -> str:
    """Return the text of the systemd unit file for one service of a color."""
    layout = settings.node
    return _render(
        "service.service.j2",
        app=settings.name,
        color=color.value,
        name=service.name,
        path=service.path,
        target=layout.target(color),
        socket="" if service.ports else layout.service_socket(color, service.name),
        port=service.ports.of(color) if service.ports else "",
        # only the main service writes the stamp of the color
        read=_service_paths(settings, color) if service is runtime_of(settings).main_service else [],
        stamp=stamp(settings, color),
        release=layout.link(color),
        library=layout.library,
        web_user=settings.web_user,
        condition=_owns(settings),
    )


def worker_units(settings: Settings) -> dict[str, str]:
    """Return the systemd unit files of the workers: path -> text.

    There is a template unit for each color and worker, and a unit that starts the workers of the live release at boot.
    """
    layout = settings.node
    found = {
        f"{UNITS}/{layout.worker_unit(color, worker.name)}": _render(
            "worker.service.j2",
            app=settings.name,
            color=color.value,
            name=worker.name,
            boot=layout.workers_unit,
            user=settings.user if worker.user == "deploy" else settings.web_user,
            condition="" if worker.user == "deploy" else _owns(settings),
            library=layout.library,
            signal=worker.stop_signal,
            limit=f"{worker.finish:g}s" if worker.over == "kill" else "infinity",
            memory_mb=worker.memory_mb,
            cpu=worker.cpu,
        )
        for color in Color
        for worker in settings.workers
    }
    if found:
        found[f"{UNITS}/{layout.workers_unit}"] = _render(
            "workers.service.j2", app=settings.name, user=settings.user, library=layout.library
        )
    return found


def schedule_units(settings: Settings, released: Sequence[str] = ()) -> dict[str, str]:
    """Return the systemd unit files of the schedules: path -> text.

    There is a timer and a service for each schedule, which belong to no color, and a target that starts the timers.

    + released: names of the schedules that releases on the node have. The settings may no longer have these schedules.
    """
    layout, found = settings.node, {}
    values = {"app": settings.name, "library": layout.library, "target": layout.schedule_target}
    for one in settings.schedule:
        service, timer = (f"{UNITS}/{layout.schedule_unit(one.name, kind)}" for kind in ("service", "timer"))
        found[service] = _render(
            "schedule.service.j2",
            **values,
            name=one.name,
            on="one" if one.on == "one node" else "each",
            user=settings.user if one.user == "deploy" else settings.web_user,
            # the program `tick` checks the owner of the files: an ExecCondition would be one more process for each tick
            owner="" if one.user == "deploy" else f" {settings.web_user}",
            limit=f"{one.limit:g}s" if one.limit else "infinity",
        )
        found[timer] = _render("schedule.timer.j2", **values, name=one.name, calendar=one.calendar)
    names = dict.fromkeys([*(one.name for one in settings.schedule), *released])
    if names:
        timers = [layout.schedule_unit(name, "timer") for name in names]
        found[f"{UNITS}/{layout.schedule_target}"] = _render("schedule.target.j2", **values, timers=timers)
    return found


def schedule_scripts(settings: Settings) -> dict[str, str]:
    """Return the scripts of the schedules: name -> text. systemd runs them as the user of the schedule.

    * ``tick`` decides whether the node runs the command of a schedule now, and with the code of which color.
    * ``work`` runs the command.
    """
    layout = settings.node
    values = {
        "root": layout.root,
        "stack": layout.STACK,
        "library": layout.library,
        "record": layout.web_user_record,
    }
    return {name: _render(f"{name}.j2", **values) for name in ("tick", "work")}


def worker_scripts(settings: Settings, units: str = UNITS) -> dict[str, str]:
    """Return the scripts of the workers: name -> text.

    * ``workers`` starts and stops the workers of a color. Sudo runs ``workers`` as root.
    * ``work`` runs a worker. systemd runs ``work`` as the user of the worker.
    * ``boot-workers`` starts the workers of the live release. systemd runs ``boot-workers`` as the deploy user.

    + units: directory of the systemd unit files
    """
    layout = settings.node
    values = {
        "app": settings.name,
        "root": layout.root,
        "stack": layout.STACK,
        "library": layout.library,
        "units": units,
        "most": MOST,
    }
    return {name: _render(f"{name}.j2", **values) for name in ("workers", "work", "boot-workers")}


def runs(settings: Settings) -> str:
    """Return the script ``runs``, which prints the release and the start time of a systemd unit's main process.

    The release is the release whose directory is the working directory of the main process.
    """
    return _render("runs.j2", name="runs", user=settings.user, root=settings.node.root)


def ssh(settings: Settings) -> str:
    """Return the script ``ssh``, with which git connects by SSH to the origin: the git server of the releases."""
    source, layout = settings.source, settings.node
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    if isinstance(source, GitSource) and source.key:
        options += ["-i", layout.origin_key, "-o", "IdentitiesOnly=yes"]
    if isinstance(source, GitSource) and source.known_hosts:
        options += ["-o", f"UserKnownHostsFile={layout.origin_known_hosts}"]
    return _render("ssh.j2", options=shlex.join(options))


def serve(settings: Settings) -> str:
    """Return the script ``serve``, which systemd runs to start a service of a color."""
    return _render("serve.j2", root=settings.node.root, stack=settings.node.STACK)


def answers(settings: Settings) -> str:
    """Return the script ``answers``, with which systemd waits until a service of a color answers."""
    return _render("answers.j2", stack=settings.node.STACK)


def fpm(settings: Settings) -> str:
    """Return the script ``fpm``, which systemd runs to start PHP-FPM of a color."""
    layout = settings.node
    return _render("fpm.j2", root=layout.root, etc=layout.etc, stack=layout.STACK, version=settings.php.version)


def fpm_unit(settings: Settings, color: Color) -> str:
    """Return the path of the systemd unit file of a color's PHP-FPM."""
    return f"/etc/systemd/system/{settings.node.service(color)}"


def fpm_service(settings: Settings, color: Color) -> str:
    """Return the text of the systemd unit file of a color's PHP-FPM."""
    return _render(
        "fpm.service.j2",
        app=settings.name,
        color=color.value,
        target=settings.node.target(color),
        library=settings.node.library,
        web_user=settings.web_user,
        condition=_owns(settings),
        # provisioning restarts the whole color, so the stamp includes the units of the services
        read=[fpm_unit(settings, color), *_service_paths(settings, color)],
        stamp=stamp(settings, color),
    )


def shrink(settings: Settings) -> str:
    """Return the script ``shrink``, which restarts the PHP-FPM of an idle color with fewer workers."""
    layout = settings.node
    return _render("shrink.j2", app=settings.name, root=layout.root, library=layout.library, guard_dir=layout.guard_dir)


def shrink_units(settings: Settings, color: Color) -> dict[str, str]:
    """Return the systemd unit files that run the script ``shrink`` when a color's soak time is over: path -> text.

    The script restarts PHP-FPM of the color with fewer workers. The unit files are a service, which runs the script,
    and a timer, which starts the service.
    """
    values = {
        "app": settings.name,
        "color": color.value,
        "user": settings.user,
        "shrink": f"{settings.node.library}/shrink",
        "soak": f"{round(settings.soak * 1000)}ms",
    }
    return {
        f"/etc/systemd/system/{settings.node.shrink(color, kind)}": _render(f"shrink.{kind}.j2", **values)
        for kind in ("service", "timer")
    }


def color_target(settings: Settings, color: Color, released: Sequence[str] = ()) -> str:
    """Return the text of the systemd target of a color. The target starts and stops all units of the color.

    + released: names of the services that releases on the node have. The settings may no longer have these services.
    """
    names = dict.fromkeys([*(service.name for service in settings.services), *released])
    return _render(
        "color.target.j2",
        app=settings.name,
        color=color.value,
        target=settings.node.target(color),
        required=[settings.node.nginx(color), *([settings.node.service(color)] if settings.runtime == "php" else [])],
        services=[settings.node.service_unit(color, name) for name in names],
    )


def node_sudoers(settings: Settings, has_workers: bool = False) -> str:
    """Return the sudo rules of the deploy user (setting ``user``) on a node.

    The rules let the deploy user

    * start, stop and restart a color, and restart the color with fewer PHP-FPM workers;
    * check, as the web user, the configuration that a release has for its color;
    * run a command of ``orchestrator exec`` as the web user, on a terminal of its own;
    * see which releases are in use;
    * see the last log line of nginx, PHP-FPM or a service of a color;
    * see the release and the start time of the main service's process, with the runtime ``service``;
    * give files of a release to the owners that the settings name;
    * pack a release into a tar file, and remove a release;
    * run commands as the web user, if the settings have such a build step, hook, task or command of the database;
    * start and stop the workers of a color, if the node has workers.

    + has_workers: whether the node has units of workers. The settings may no longer have these workers.
    """
    rules = [
        f"{settings.user} ALL=(root) NOPASSWD: /usr/bin/systemctl {verb} {settings.node.target(color)}"
        for color in Color
        for verb in ("start", "stop", "restart")
    ]
    if settings.shrinks:
        # ignore-dependencies: the color's services keep running while its FPM restarts
        verbs = ["--job-mode=ignore-dependencies restart {service}", "restart {timer}", "stop {timer}"]
        rules += [
            f"{settings.user} ALL=(root) NOPASSWD: /usr/bin/systemctl "
            + verb.format(service=settings.node.service(color), timer=settings.node.shrink(color, "timer"))
            for color in Color
            for verb in verbs
        ]
    # in sudoers, "" means that the command may have no arguments
    rules.append(f'{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/used ""')
    # these programs check their arguments themselves
    more = {"as-web": settings.runs_as_web, "workers": settings.workers or has_workers}
    names = ("own", "pack", "remove", *(name for name, wanted in more.items() if wanted))
    rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/{name}" for name in names]
    as_web = f"{settings.user} ALL=({settings.web_user}) NOPASSWD"
    rules += [f"{as_web}: {settings.node.library}/{name}" for name in ("check-stack", "console")]
    units = [settings.node.service_unit(color, service.name) for color in Color for service in settings.services]
    units += [settings.node.nginx(color) for color in Color]
    if settings.runtime == "php":
        units += [settings.node.service(color) for color in Color]
    rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/said {unit}" for unit in units]
    if settings.runtime == "service":
        mains = [runtime_of(settings).main_unit(color) for color in Color]
        rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/runs {unit}" for unit in mains]
    # a terminal of its own: otherwise the web user could put text into the input of the deploy user's terminal
    terminal = f"Defaults:{settings.user} use_pty"
    return "\n".join([f"# {NOTICE}", _no_terminal(settings), terminal, *rules, ""])


def _no_terminal(settings: Settings) -> str:
    """Return the line for sudo that lets the deploy user run the programs without a terminal.

    Some distributions demand a terminal of every user (``requiretty``), and a run has no terminal.
    """
    return f"Defaults:{settings.user} !requiretty"


def balancer_sudoers(settings: Settings, nodes: Mapping[str, str]) -> str:
    """Return the sudo rules of the deploy user (setting ``user``) on a balancer.

    The rules let the deploy user only list the barred nodes, bar a node of the fleet, and remove the bar of a node.

    + nodes: inventory name -> address
    """
    bar = f"{settings.balancer.library}/bar"
    lines = [f"{bar} list", *(f"{bar} {address} {verb}" for address in nodes.values() for verb in ("on", "off"))]
    # in sudoers, a colon separates lists of hosts, so the colons of IPv6 addresses are escaped
    rules = [f"{settings.user} ALL=(root) NOPASSWD: " + line.replace(":", r"\:") for line in lines]
    return "\n".join([f"# {NOTICE}", _no_terminal(settings), *rules, ""])


def nodes_file(settings: Settings) -> str:
    """Return the path of the list of nodes on a balancer. The program ``bar`` bars only nodes that are in this file."""
    return f"/etc/orchestrator/{settings.name}/nodes"


def nodes_list(
    settings: Settings, nodes: Mapping[str, str], found: Mapping[str, str], outdated: Sequence[Listed] = ()
) -> str:
    """Return the text of the list of nodes on a balancer, which is the file at `nodes_file`.

    Each line is one node: address in the inventory, IP address, blue's port, green's port and name in the inventory.

    + nodes: inventory name -> address in the inventory
    + found: address in the inventory -> IP address
    + outdated: further nodes of the list: nodes that leave the fleet, and former addresses of nodes
    """
    ports = settings.ports
    wanted = [
        Listed(address, found[address], str(ports.blue), str(ports.green), name) for name, address in nodes.items()
    ]
    return "".join(f"{one.line}\n" for one in (*wanted, *outdated))


def node_scripts(settings: Settings) -> dict[str, str]:
    """Return scripts that the deploy user may run as root on a node with sudo: name -> text.

    Other functions return the other scripts that have a sudo rule. This function returns these scripts:

    * ``used`` prints the ids of the releases that are in use.
    * ``own`` gives files of a release to the owners that the settings name.
    * ``pack`` prints the files of a release as a tar file.
    * ``remove`` removes a release.
    """
    environment, user, root = settings.environment, settings.user, settings.node.root
    owner = settings.environment_owner if environment else ""
    allowed = f"{environment.path if environment else ''} {owner} {settings.permissions.group or ''}"
    return {
        "used": _render("used.j2", name="used", user=user, root=root),
        "own": _render("own.j2", name="own", user=user, root=root, allowed=allowed, program=read("provision/group.pl")),
        "pack": _render("pack.j2", name="pack", user=user, root=root),
        "remove": _render("remove.j2", name="remove", user=user, root=root),
    }


def console(settings: Settings) -> str:
    """Return the script ``console``, which runs a command of ``orchestrator exec``. Sudo runs it as the web user."""
    return _render(
        "console.j2",
        name="console",
        root=settings.node.root,
        web_user=settings.web_user,
        attended=read("scripts/attended.sh"),
    )


def web_scripts(settings: Settings) -> dict[str, str]:
    """Return the scripts with which build steps and hooks run as the web user: name -> text.

    * ``as-web`` starts ``web-step`` as the web user. Sudo runs ``as-web`` as root.
    * ``web-step`` reads a command and runs it in the directory of a release.
    """
    layout = settings.node
    values = {
        "deployment": settings.name,
        "root": layout.root,
        "library": layout.library,
        "web_user": settings.web_user,
    }
    return {name: _render(f"{name}.j2", name=name, **values) for name in ("as-web", "web-step")}


def bar(settings: Settings) -> str:
    """Return the script ``bar``, which bars nodes at a balancer.

    While a node is barred, the balancer opens no new connections to the node.
    """
    return _render("bar.j2", nodes_file=nodes_file(settings))


def bar_service(settings: Settings) -> str:
    """Return the text of the systemd unit file that bars nodes at boot.

    After a boot, the unit bars the nodes that were barred before the boot.
    """
    return _render("bar.service.j2", app=settings.name, bar=f"{settings.balancer.library}/bar")


def endpoint(address: str, port: int) -> str:
    """Return an address and a port as HAProxy and nginx expect them: ``10.0.0.1:80`` or ``[::1]:80``."""
    return f"[{address}]:{port}" if is_address(address, 6) else f"{address}:{port}"


def is_address(text: str, version: int | None = None) -> bool:
    """Return whether a text is an IP address. A host name is not an IP address.

    + version: 4 or 6 to accept only this version of IP; None to accept both
    """
    try:
        return version in (None, ipaddress.ip_address(text).version)
    except ValueError:
        return False


def addresses(nodes: Mapping[str, str]) -> Mapping[str, str]:
    """Check the names and addresses of the nodes, and return them unchanged: inventory name -> address.

    Names and addresses are inserted into configuration files and sudo rules. Raises UsageError if a name or an address
    has a character that is not allowed there, or if there are no nodes.

    + nodes: inventory name -> IP address or host name of every node, as a balancer reaches the node
    """
    for name, address in nodes.items():
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", name):
            raise UsageError(
                f"the inventory name {name!r} has a character that the configuration of a balancer does not allow: use "
                "letters, digits and . _ : -"
            )
        if not (is_address(address) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", address)):
            raise UsageError(f"{name}: {address!r} is not an IP address or a host name")
    if not nodes:
        raise UsageError("a balancer needs at least one node")
    return nodes


def haproxy(
    settings: Settings,
    switch: HAProxySwitch,
    nodes: Mapping[str, str],
    group: str,
    version: tuple[int, int] | None = None,
) -> str:
    """Return the text of HAProxy's configuration file for this application.

    + switch: the switch that the balancer belongs to
    + nodes: inventory name -> address of every node
    + group: name of the deploy user's primary group. Members of this group may use HAProxy's Runtime API.
    + version: first two numbers of the balancer's HAProxy version; None if HAProxy is not installed yet. HAProxy before
      2.4 gets a configuration without the keywords that it does not know.
    """
    backends = {color.value: settings.balancer.backend(color) for color in Color}
    return _render(
        "haproxy.cfg.j2",
        app=settings.name,
        switch=switch,
        old=version is not None and version < (2, 4),
        tls_files=certificate.haproxy_files(settings, switch),
        ciphers=certificate.CIPHERS,
        health=HEALTH,
        preview=preview(settings),
        preview_token=settings.preview_token,
        preview_bind=endpoint(settings.preview.bind, settings.preview.port or 0),
        sticky_values={name: sticky_value(settings, name) for name in nodes},
        ring=settings.balancer.ring,
        ring_line=RING_LINE + max(len(name) for name in backends.values()),
        ring_size=switch.record_mb << 20,
        socket=settings.balancer.haproxy_socket,
        admin=settings.balancer.haproxy_admin,
        group=group,
        weights_map=settings.balancer.weights_map,
        **_services(settings),
        **_maintenance(settings),
        backends=backends,
        servers=_servers(settings, nodes),
        resolve=not all(is_address(address) for address in nodes.values()),
    )


def page(settings: Settings) -> str:
    """Return the page that a balancer sends during maintenance; empty without the setting ``maintenance``."""
    return f"{settings.maintenance.page}\n" if settings.maintenance else ""


def sticky_value(settings: Settings, node_name: str) -> str:
    """Return the value of the cookie that keeps a client on a node.

    The value is the same for both colors. The value is a hash, so that clients do not see the name of the node.
    """
    return hashlib.sha256(f"{settings.name}/{node_name}".encode()).hexdigest()[:12]


def trim(settings: Settings, switch: NginxSwitch) -> str:
    """Return the script ``trim``, which empties nginx's record of requests if the record is too large."""
    return _render("trim.j2", record=settings.balancer.record, limit=switch.record_mb << 20)


def trim_units(settings: Settings) -> dict[str, str]:
    """Return the systemd unit files of a timer that runs the script ``trim`` every minute: path -> text.

    The script limits the size of nginx's record of requests.
    """
    script = f"{settings.balancer.library}/trim"
    return {
        f"/etc/systemd/system/{settings.name}-trim.{kind}": _render(f"trim.{kind}.j2", app=settings.name, trim=script)
        for kind in ("service", "timer")
    }


def balancer_nginx(settings: Settings, switch: NginxSwitch, nodes: Mapping[str, str], knows_mark: bool = True) -> str:
    """Return the text of ``conf.d/<name>.conf`` on a balancer, which is nginx's configuration for this application.

    + switch: the switch that the balancer belongs to
    + nodes: inventory name -> IP address of every node. Host names are not used, because nginx does not start if it
      cannot resolve a host name.
    + knows_mark: whether the text has the directives for the drain mark. With these directives, nginx ends each
      connection after its next answer while the drain mark exists. Configurations of earlier versions of this tool lack
      these directives.
    """
    v = variable(settings)
    return _render(
        "balancer.nginx.j2",
        v=v,
        v_pool=f"{v}_pool",
        link=settings.balancer.weight_link,
        drain=settings.balancer.drain_mark if knows_mark else "",
        switch=switch,
        listen=switch.listen,
        tls_files=certificate.files(switch),
        ciphers=certificate.CIPHERS,
        health_regex=re.escape(HEALTH),
        preview=preview(settings),
        preview_token=settings.preview_token,
        preview_bind=endpoint(settings.preview.bind, settings.preview.port or 0),
        max_body=settings.web.max_body,
        record=settings.balancer.record,
        record_format=f"{v.removeprefix('$')}_record",
        flush=FLUSH,
        **_services(settings),
        **_maintenance(settings),
        pools={color.value: settings.balancer.backend(color) for color in Color},
        servers=_servers(settings, nodes),
    )


def _servers(settings: Settings, nodes: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    return {
        color.value: [(name, endpoint(address, settings.ports.of(color))) for name, address in nodes.items()]
        for color in Color
    }


def haproxy_default(text: str) -> str:
    """Return the new text of ``/etc/default/haproxy``, so that HAProxy also reads this tool's configuration directory.

    The variable EXTRAOPTS in this file holds options of HAProxy. If the file sets EXTRAOPTS without the option for the
    directory, this function adds the option. If the file does not set EXTRAOPTS, the function adds a line that sets
    EXTRAOPTS. This line overrides the default value of EXTRAOPTS in HAProxy's systemd unit. The default value is the
    option ``-S`` for HAProxy's master socket. Therefore the line repeats this option.

    + text: present text of the file
    """
    option = f"-f {HAPROXY_DIRECTORY}"
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = re.fullmatch(r"EXTRAOPTS=(\"|'|)(.*)\1\s*", line)
        if match:
            if option not in match[2]:
                lines[number] = f'EXTRAOPTS="{match[2]} {option}"'
            return "\n".join([*lines, ""])
    return "\n".join([*lines, f'EXTRAOPTS="-S /run/haproxy-master.sock {option}"', ""])

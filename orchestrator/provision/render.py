"""Configuration as text: pure functions from settings to what stands in a file."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.config import Settings
from orchestrator.config.preview import Preview
from orchestrator.config.service import Service
from orchestrator.config.switch import HAProxySwitch, NginxSwitch
from orchestrator.errors import UsageError
from orchestrator.layout import HAPROXY_DIRECTORY
from orchestrator.model import Color, Weights
from orchestrator.provision import certificate
from orchestrator.switches.record import FLUSH, RING_LINE

NOTICE = "Written by provisioning; what is changed here by hand is lost."
TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(notice=NOTICE, **values)


def script(name: str) -> str:
    """A script or PHP file that is installed as it stands."""
    return (TEMPLATES / name).read_text()


def variable(settings: Settings) -> str:
    """The prefix of our nginx variables. It begins with ``bg_``: an application may be called ``http``."""
    return "$bg_" + settings.app.replace("-", "_")


def node_nginx(settings: Settings, node_name: str) -> str:
    """``conf.d/<app>.conf`` of a node."""
    if not re.fullmatch(r"[A-Za-z0-9._:@/-]+", node_name):
        raise UsageError(f"the inventory name {node_name!r} cannot stand in the X-Node header")
    v = variable(settings)
    return _render(
        "node.nginx.j2",
        v=v,
        v_color=f"{v}_color",
        v_release=f"{v}_release",
        app=settings.app,
        root=settings.node.root,
        public=settings.php.public,
        public_regex=re.escape(settings.php.public),
        front=settings.php.front,
        request_limit=settings.php.request_limit,
        token=probe_token(settings),
        drain=f"{settings.node.guard_dir}/drain",
        node_name=node_name,
        sockets={color.value: settings.node.socket(color) for color in Color},
        **_services(settings),
        servers=[(settings.ports.live, ""), *((settings.ports.of(color), color.value) for color in Color)],
    )


def _services(settings: Settings) -> dict[str, object]:
    """What templates of nginx and HAProxy need: the longest path first, since of two that match it is the nearer."""
    nearest_first = sorted(settings.services, key=lambda service: (-len(service.path), service.path))
    services = [
        {
            "name": service.name,
            "path": service.path,
            "path_regex": re.escape(service.path),
            "sockets": {color.value: settings.node.service_socket(color, service.name) for color in Color},
        }
        for service in nearest_first
    ]
    return {"services": services, "stream_limit": f"{round(settings.stream_limit * 1000)}ms"}


def probe_token(settings: Settings) -> str:
    """The token that a request must carry to see the markers, empty if all answers show them.

    Raises UsageError for one that could not stand in a configuration file as it is.
    """
    if settings.marker.answers == "all":
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", settings.token):
        raise UsageError("settings: marker.token may have letters, digits, - and _ only")
    return settings.token


def preview(settings: Settings) -> Preview | None:
    """The preview's settings; None if there is no preview, since there is no token.

    Raises UsageError for a token that could be guessed, or could not stand in a configuration file as it is.
    """
    if not settings.preview_token:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", settings.preview_token):
        raise UsageError("settings: preview.token: 16 or more letters, digits, - and _")
    return settings.preview


def php_fpm(settings: Settings, color: Color, group: str, web_group: str) -> str:
    """Configuration of a color's FPM master and its one pool.

    + group: primary group of the deploy user, which may talk to the socket
    + web_group: primary group of the web user
    """
    return _render(
        "php-fpm.conf.j2",
        app=settings.app,
        color=color.value,
        web_user=settings.web_user,
        web_group=web_group,
        group=group,
        socket=settings.node.socket(color),
        workers=settings.php.workers,
        request_limit=settings.php.request_limit,
    )


PHP_DEFAULTS = {
    "opcache.enable": "1",
    "opcache.validate_timestamps": "0",
    "opcache.memory_consumption": "128",
    "opcache.max_accelerated_files": "20000",
}


# Debian clears its own directory only, by a cron job, and tells PHP not to.
SESSION_DEFAULTS = {"session.save_handler": "files", "session.gc_probability": "1", "session.gc_divisor": "1000"}


def php_ini(settings: Settings, color: Color) -> str:
    """php.ini values of a color: ours, then the operator's."""
    sessions = {"session.save_path": settings.node.sessions, **SESSION_DEFAULTS}
    ours = {**PHP_DEFAULTS, **(sessions if settings.php.sessions == "shared" else {})}
    ini = {key: ini_value(key, value) for key, value in {**ours, **settings.php.ini}.items()}
    return _render("php.ini.j2", color=color.value, ini=ini)


def ini_value(key: str, value: str) -> str:
    """A value as it stands in a php.ini file: constants and numbers bare, everything else in quotes."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key):
        raise UsageError(f"settings: php.ini: {key!r} is not the name of a php.ini value")
    if re.search(r"[\"\n\r\0]|\$\{", value):
        raise UsageError(f'settings: php.ini: {key} must not contain ", a line break or ${{')
    return value if re.fullmatch(r"[A-Z0-9_ &|~^()-]+", value) else f'"{value}"'


def stamp(settings: Settings, color: Color) -> str:
    """Where a running FPM says which files it has read."""
    return f"/run/orchestrator/{settings.app}-{color}/loaded"


def fpm_files(settings: Settings, color: Color) -> dict[str, str]:
    """Paths of what a color's FPM reads, by a short name."""
    etc = f"{settings.node.etc}/{color}"
    return {
        "conf": f"{etc}/php-fpm.conf",
        "ini": f"{etc}/php.d/99-orchestrator.ini",
        "service": f"/etc/systemd/system/{settings.node.service(color)}",
    }


def service_files(settings: Settings, color: Color) -> dict[str, str]:
    """Paths of what a color's services are made from -> text, the units of the color first."""
    units = {
        f"/etc/systemd/system/{settings.node.service_unit(color, service.name)}": service_unit(settings, service, color)
        for service in settings.services
    }
    commands = {
        f"{settings.node.etc}/services/{service.name}": f"{service.command}\n" for service in settings.services
    }
    return units | commands


def service_unit(settings: Settings, service: Service, color: Color) -> str:
    """The systemd unit of one of a color's services."""
    layout = settings.node
    return _render(
        "service.service.j2",
        app=settings.app,
        color=color.value,
        name=service.name,
        path=service.path,
        target=layout.target(color),
        socket=layout.service_socket(color, service.name),
        release=layout.link(color),
        library=layout.library,
        web_user=settings.web_user,
    )


def serve(settings: Settings) -> str:
    """The script that becomes a service."""
    return _render("serve.j2", root=settings.node.root, etc=settings.node.etc)


def fpm_service(settings: Settings, color: Color) -> str:
    """The systemd unit of a color's FPM."""
    read = fpm_files(settings, color)
    return _render(
        "fpm.service.j2",
        app=settings.app,
        color=color.value,
        version=settings.php.version,
        target=settings.node.target(color),
        etc=settings.node.etc,
        conf=read["conf"],
        # a restart is the whole color's, so the services' files count as read with its own
        read=[*read.values(), *service_files(settings, color)],
        stamp=stamp(settings, color),
    )


def color_target(settings: Settings, color: Color) -> str:
    """The systemd target of a color."""
    return _render(
        "color.target.j2",
        app=settings.app,
        color=color.value,
        target=settings.node.target(color),
        service=settings.node.service(color),
        services=[settings.node.service_unit(color, service.name) for service in settings.services],
    )


def node_sudoers(settings: Settings) -> str:
    """What the deploy user may do as root on a node.

    Start, stop and restart a color, see which releases are in use and what a service said last.
    """
    rules = [
        f"{settings.user} ALL=(root) NOPASSWD: /usr/bin/systemctl {verb} {settings.node.target(color)}"
        for color in Color
        for verb in ("start", "stop", "restart")
    ]
    # "" says that no argument may be given
    rules.append(f'{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/used ""')
    units = [settings.node.service_unit(color, service.name) for color in Color for service in settings.services]
    rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/said {unit}" for unit in units]
    return "\n".join([f"# {NOTICE}", *rules, ""])


def balancer_sudoers(settings: Settings, nodes: Mapping[str, str]) -> str:
    """What the deploy user may do as root on a balancer: bar each node of the fleet, nothing else."""
    bar = f"{settings.balancer.library}/bar"
    lines = [f"{bar} list", *(f"{bar} {address} {verb}" for address in nodes.values() for verb in ("on", "off"))]
    # In sudoers a colon stands between host lists, so it is escaped.
    rules = [f"{settings.user} ALL=(root) NOPASSWD: " + line.replace(":", r"\:") for line in lines]
    return "\n".join([f"# {NOTICE}", *rules, ""])


def nodes_file(settings: Settings) -> str:
    """Where a balancer knows the nodes that may be barred."""
    return f"/etc/orchestrator/{settings.app}/nodes"


def nodes_list(settings: Settings, nodes: Mapping[str, str], found: Mapping[str, str]) -> str:
    """One node a line: its address in the inventory, the one it resolved to, blue's port, green's port."""
    ports = f"{settings.ports.blue} {settings.ports.green}"
    return "".join(f"{address} {found[address]} {ports}\n" for address in nodes.values())


def used(settings: Settings) -> str:
    """The script that says which releases are in use."""
    return _render("used.j2", releases=settings.node.releases)


def bar(settings: Settings) -> str:
    """The script that keeps a balancer from opening connections to a node."""
    return _render("bar.j2", nodes_file=nodes_file(settings))


def bar_service(settings: Settings) -> str:
    """The unit that bars at boot what was barred before."""
    return _render("bar.service.j2", app=settings.app, bar=f"{settings.balancer.library}/bar")


def endpoint(address: str, port: int) -> str:
    """Address and port as configuration files want them."""
    return f"[{address}]:{port}" if is_address(address, 6) else f"{address}:{port}"


def is_address(text: str, version: int | None = None) -> bool:
    """Whether this is an IP address rather than a name."""
    try:
        return version in (None, ipaddress.ip_address(text).version)
    except ValueError:
        return False


def addresses(nodes: Mapping[str, str]) -> Mapping[str, str]:
    """The nodes' addresses by name, looked at: both end up in configuration files and sudo rules.

    + nodes: inventory name -> address or host name, as a balancer reaches it
    """
    for name, address in nodes.items():
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", name):
            raise UsageError(f"the inventory name {name!r} cannot be the name of a server in a balancer")
        if not (is_address(address) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", address)):
            raise UsageError(f"{name}: {address!r} is not an address")
    if not nodes:
        raise UsageError("a balancer needs at least one node")
    return nodes


def haproxy(settings: Settings, switch: HAProxySwitch, nodes: Mapping[str, str], group: str) -> str:
    """Our file among HAProxy's.

    + nodes: inventory name -> address
    + group: primary group of the deploy user, which may use the Runtime API
    """
    backends = {color.value: settings.balancer.backend(color) for color in Color}
    _gate_is_plain(settings)
    return _render(
        "haproxy.cfg.j2",
        app=settings.app,
        switch=switch,
        tls_files=certificate.haproxy_files(settings, switch),
        ciphers=certificate.CIPHERS,
        health=_health(settings),
        preview=preview(settings),
        preview_token=settings.preview_token,
        preview_bind=endpoint(settings.preview.bind, settings.preview.port or 0),
        sticky_values={name: sticky_value(settings, name) for name in nodes},
        ring=settings.balancer.ring,
        ring_line=RING_LINE + max(len(name) for name in backends.values()),
        ring_size=switch.record_mb << 20,
        socket=settings.balancer.haproxy_socket,
        group=group,
        weights_map=settings.balancer.weights_map,
        gate=settings.gate,
        **_services(settings),
        backends=backends,
        servers=_servers(settings, nodes),
        resolve=not all(is_address(address) for address in nodes.values()),
    )


def _gate_is_plain(settings: Settings) -> None:
    if re.search(r"[\s\"'\\#]", settings.gate.path + settings.gate.host):
        raise UsageError("settings: gate.path and gate.host must be without spaces, quotes, \\ and #")


def _health(settings: Settings) -> str:
    """The path of the health page, without a query: it is answered on plain http whatever the settings."""
    return settings.gate.path.split("?")[0]


def sticky_value(settings: Settings, node_name: str) -> str:
    """What stands in a client's cookie for a node: the same for both colors, and no name that nobody should know."""
    return hashlib.sha256(f"{settings.app}/{node_name}".encode()).hexdigest()[:12]


def trim(settings: Settings, switch: NginxSwitch) -> str:
    """The script that keeps nginx's record of requests bounded."""
    return _render("trim.j2", record=settings.balancer.record, limit=switch.record_mb << 20)


def trim_units(settings: Settings) -> dict[str, str]:
    """Path -> text of the units that run it, every minute."""
    script = f"{settings.balancer.library}/trim"
    return {
        f"/etc/systemd/system/{settings.app}-trim.{kind}": _render(f"trim.{kind}.j2", app=settings.app, trim=script)
        for kind in ("service", "timer")
    }


def weights_map(weights: Weights) -> str:
    """HAProxy's map file."""
    return f"green {weights.green}\n"


def balancer_nginx(settings: Settings, switch: NginxSwitch, nodes: Mapping[str, str]) -> str:
    """``conf.d/<app>.conf`` of an nginx balancer.

    + nodes: inventory name -> address; no host names, since one that does not resolve keeps nginx from starting
    """
    v = variable(settings)
    _gate_is_plain(settings)
    return _render(
        "balancer.nginx.j2",
        v=v,
        v_pool=f"{v}_pool",
        link=settings.balancer.weight_link,
        switch=switch,
        listen=switch.listen,
        tls_files=certificate.files(switch),
        ciphers=certificate.CIPHERS,
        health_regex=re.escape(_health(settings)),
        preview=preview(settings),
        preview_token=settings.preview_token,
        preview_bind=endpoint(settings.preview.bind, settings.preview.port or 0),
        record=settings.balancer.record,
        record_format=f"{v.removeprefix('$')}_record",
        flush=FLUSH,
        **_services(settings),
        pools={color.value: settings.balancer.backend(color) for color in Color},
        servers=_servers(settings, nodes),
    )


def _servers(settings: Settings, nodes: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    return {
        color.value: [(name, endpoint(address, settings.ports.of(color))) for name, address in nodes.items()]
        for color in Color
    }


def haproxy_default(text: str) -> str:
    """``/etc/default/haproxy`` with our directory among the options; all else as it was.

    The unit's own value of EXTRAOPTS is the master socket. A value in this file replaces it, so it is repeated.
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

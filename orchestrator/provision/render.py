"""Configuration as text: pure functions from settings to the contents of files."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.config import Settings
from orchestrator.config.preview import Preview
from orchestrator.config.service import Service
from orchestrator.config.source import GitSource
from orchestrator.config.switch import HAProxySwitch, NginxSwitch
from orchestrator.errors import UsageError
from orchestrator.layout import HAPROXY_DIRECTORY
from orchestrator.model import Color, Weights
from orchestrator.provision import certificate
from orchestrator.runtimes import listener_of, runtime_of
from orchestrator.switches.record import FLUSH, RING_LINE

NOTICE = "Written by provisioning; what is changed here by hand is lost."
TEMPLATES = Path(__file__).parent / "templates"


@cache
def templates(trim: bool = True) -> Environment:
    """The templates. Without ``trim``, the line of a block tag stays as an empty line."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=trim,
        lstrip_blocks=trim,
        autoescape=False,  # noqa: S701 (configuration files and scripts, not HTML)
    )
    made.filters["q"] = shlex.quote
    return made


def _render(template: str, **values: object) -> str:
    return templates().get_template(template).render(notice=NOTICE, **values)


def script(name: str) -> str:
    """Text of a script or PHP file that is installed unchanged."""
    return (TEMPLATES / name).read_text()


def variable(settings: Settings) -> str:
    """The prefix of our nginx variables. It begins with ``bg_``, because an application may be called ``http``."""
    return "$bg_" + settings.app.replace("-", "_")


def node_nginx(settings: Settings, node_name: str) -> str:
    """``conf.d/<app>.conf`` of a node."""
    if not re.fullmatch(r"[A-Za-z0-9._:@/-]+", node_name):
        raise UsageError(f"the inventory name {node_name!r} cannot stand in the X-Node header")
    v = variable(settings)
    below = "" if settings.php.public == "." else f"/{settings.php.public}"
    return _render(
        "node.nginx.j2",
        v=v,
        v_color=f"{v}_color",
        v_release=f"{v}_release",
        app=settings.app,
        root=settings.node.root,
        below=below,
        front=settings.php.front,
        scripts=settings.php.scripts,
        written=[re.escape(path) for path in _written(settings)],
        assets="|".join(re.escape(path) for path in settings.assets),
        request_limit=settings.php.request_limit,
        token=probe_token(settings),
        drain=f"{settings.node.guard_dir}/drain",
        node_name=node_name,
        runtime=settings.runtime,
        sockets={color.value: settings.node.socket(color) for color in Color if settings.runtime == "php"},
        **_services(settings),
        servers=[(settings.ports.live, ""), *((settings.ports.of(color), color.value) for color in Color)],
    )


def _written(settings: Settings) -> list[str]:
    """Directories of the document root that the application may write."""
    public = "" if settings.php.public == "." else f"{settings.php.public}/"
    known = {*settings.shared.directories, *settings.permissions.writable}
    return sorted(path.removeprefix(public) for path in known if path.startswith(public))


def _services(settings: Settings) -> dict[str, object]:
    """Values of services for the templates of nginx and HAProxy. The longest path comes first: it matches best."""
    nearest_first = sorted(settings.services, key=lambda service: (-len(service.path), service.path))
    services = [
        {
            "name": service.name,
            "path": service.path,
            "path_regex": re.escape(service.path),
            "files": service.files,
            "servers": {color.value: _upstream(listener_of(settings, service, color)) for color in Color},
        }
        for service in nearest_first
    ]
    main = next((service for service in services if service["path"] == "/"), None)
    return {"services": services, "main": main, "stream_limit": f"{round(settings.stream_limit * 1000)}ms"}


def _upstream(address: str) -> str:
    return f"127.0.0.1:{address}" if address.isdigit() else f"unix:{address}"


def probe_token(settings: Settings) -> str:
    """The token with which a request sees the markers, empty if all answers show them.

    Raises UsageError for a token with characters that need quoting in a configuration file.
    """
    if settings.marker.answers == "all":
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", settings.token):
        raise UsageError("settings: marker.token may have letters, digits, - and _ only")
    return settings.token


def preview(settings: Settings) -> Preview | None:
    """The preview's settings; None without a preview token.

    Raises UsageError for a token that is too short, or has characters that need quoting in a configuration file.
    """
    if not settings.preview_token:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", settings.preview_token):
        raise UsageError("settings: preview.token: 16 or more letters, digits, - and _")
    return settings.preview


def php_fpm(settings: Settings, color: Color, group: str, web_group: str, workers: int | None = None) -> str:
    """Configuration of a color's FPM master and its one pool.

    + group: primary group of the deploy user, which may talk to the socket
    + web_group: primary group of the web user
    + workers: number of workers of the pool; None for ``php.workers``
    """
    return _render(
        "php-fpm.conf.j2",
        app=settings.app,
        color=color.value,
        web_user=settings.web_user,
        web_group=web_group,
        group=group,
        socket=settings.node.socket(color),
        workers=workers or settings.php.workers,
        request_limit=settings.php.request_limit,
    )


PHP_DEFAULTS = {
    "opcache.enable": "1",
    "opcache.validate_timestamps": "0",
    # otherwise PHP does not cache files that are younger than two seconds, such as those of a new release
    "opcache.file_update_protection": "0",
    "opcache.memory_consumption": "128",
    "opcache.interned_strings_buffer": "16",
    "opcache.max_accelerated_files": "20000",
}


# Debian clears its own directory only, by a cron job, and tells PHP not to.
SESSION_DEFAULTS = {"session.save_handler": "files", "session.gc_probability": "1", "session.gc_divisor": "1000"}


def php_ini(settings: Settings, color: Color) -> str:
    """php.ini values of a color: ours, overridden by the operator's."""
    sessions = {"session.save_path": settings.node.sessions, **SESSION_DEFAULTS}
    preload = {"opcache.preload": f"{settings.node.etc}/{color}/preload.php", "opcache.preload_user": settings.web_user}
    ours = {
        **PHP_DEFAULTS,
        **(sessions if settings.shared_sessions else {}),
        **(preload if settings.php.preload else {}),
    }
    ini = {key: ini_value(key, value) for key, value in {**ours, **settings.php.ini}.items()}
    return _render("php.ini.j2", color=color.value, ini=ini)


def preload(settings: Settings, color: Color) -> str:
    """The PHP file that a color's master runs when it starts."""
    return _render("preload.php.j2", release=settings.node.link(color), preload=settings.php.preload)


def ini_value(key: str, value: str) -> str:
    """A value for a php.ini file: constants and numbers bare, everything else in quotes. Raises UsageError."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key):
        raise UsageError(f"settings: php.ini: {key!r} is not the name of a php.ini value")
    if re.search(r"[\"\n\r\0]|\$\{", value):
        raise UsageError(f'settings: php.ini: {key} must not contain ", a line break or ${{')
    return value if re.fullmatch(r"[A-Z0-9_ &|~^()-]+", value) else f'"{value}"'


def stamp(settings: Settings, color: Color) -> str:
    """Path of the stamp with the files that a running FPM, or service, has read."""
    return f"/run/orchestrator/{settings.app}-{color}/loaded"


def fpm_files(settings: Settings, color: Color) -> dict[str, str]:
    """Short name -> path of the files that a color's FPM reads."""
    etc = f"{settings.node.etc}/{color}"
    preload = {"preload": f"{etc}/preload.php"} if settings.php.preload else {}
    idle = {"idle": f"{etc}/php-fpm-idle.conf"} if settings.shrinks else {}
    return {
        "conf": f"{etc}/php-fpm.conf",
        "ini": f"{etc}/php.d/99-orchestrator.ini",
        **preload,
        **idle,
        "service": f"/etc/systemd/system/{settings.node.service(color)}",
    }


def service_files(settings: Settings, color: Color) -> dict[str, str]:
    """Path -> text of the files of a color's services, the units first."""
    units, commands = _service_paths(settings, color)
    texts = [service_unit(settings, service, color) for service in settings.services]
    texts += [f"{service.command}\n" for service in settings.services]
    return dict(zip([*units, *commands], texts, strict=True))


def _service_paths(settings: Settings, color: Color) -> tuple[list[str], list[str]]:
    """The units, and the files of the commands."""
    names = [service.name for service in settings.services]
    units = [f"/etc/systemd/system/{settings.node.service_unit(color, name)}" for name in names]
    return units, [f"{settings.node.etc}/services/{name}" for name in names]


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
        socket="" if service.ports else layout.service_socket(color, service.name),
        port=service.ports.of(color) if service.ports else "",
        # the main service writes the stamp of the color
        read=[path for paths in _service_paths(settings, color) for path in paths]
        if service is runtime_of(settings).main_service
        else [],
        stamp=stamp(settings, color),
        release=layout.link(color),
        library=layout.library,
        web_user=settings.web_user,
    )


def runs(settings: Settings) -> str:
    """The script that prints the release that the main process of a unit runs, and its start."""
    return _render("runs.j2", name="runs", user=settings.user, root=settings.node.root)


def ssh(settings: Settings) -> str:
    """The program by which git reaches the origin."""
    source, layout = settings.source, settings.node
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    if isinstance(source, GitSource) and source.key:
        options += ["-i", layout.origin_key, "-o", "IdentitiesOnly=yes"]
    if isinstance(source, GitSource) and source.known_hosts:
        options += ["-o", f"UserKnownHostsFile={layout.origin_known_hosts}"]
    return _render("ssh.j2", options=shlex.join(options))


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
        idle=read.get("idle"),
        shrunk=settings.node.shrunk(color),
        # a restart restarts the whole color, so the stamp includes the files of the services
        read=[*read.values(), *service_files(settings, color)],
        stamp=stamp(settings, color),
    )


def shrink(settings: Settings) -> str:
    """The script that gives an idle color fewer workers."""
    layout = settings.node
    return _render("shrink.j2", app=settings.app, root=layout.root, library=layout.library, guard_dir=layout.guard_dir)


def shrink_units(settings: Settings, color: Color) -> dict[str, str]:
    """Path -> text of the units that run it at the end of a color's soak window."""
    values = {
        "app": settings.app,
        "color": color.value,
        "user": settings.user,
        "shrink": f"{settings.node.library}/shrink",
        "soak": f"{round(settings.soak * 1000)}ms",
    }
    return {
        f"/etc/systemd/system/{settings.node.shrink(color, kind)}": _render(f"shrink.{kind}.j2", **values)
        for kind in ("service", "timer")
    }


def color_target(settings: Settings, color: Color) -> str:
    """The systemd target of a color."""
    return _render(
        "color.target.j2",
        app=settings.app,
        color=color.value,
        target=settings.node.target(color),
        service=settings.node.service(color) if settings.runtime == "php" else "",
        services=[settings.node.service_unit(color, service.name) for service in settings.services],
    )


def node_sudoers(settings: Settings) -> str:
    """The sudo rules of the deploy user on a node.

    They let the deploy user start, stop and restart a color, reduce its workers, see the releases in use and the last
    log line of a service, change the owner of a release's files to the owners in the settings, and pack or remove a
    release.
    """
    rules = [
        f"{settings.user} ALL=(root) NOPASSWD: /usr/bin/systemctl {verb} {settings.node.target(color)}"
        for color in Color
        for verb in ("start", "stop", "restart")
    ]
    if settings.shrinks:
        # the services, which depend on it, go on
        verbs = ["--job-mode=ignore-dependencies restart {service}", "restart {timer}", "stop {timer}"]
        rules += [
            f"{settings.user} ALL=(root) NOPASSWD: /usr/bin/systemctl "
            + verb.format(service=settings.node.service(color), timer=settings.node.shrink(color, "timer"))
            for color in Color
            for verb in verbs
        ]
    # "" allows no argument
    rules.append(f'{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/used ""')
    # these programs check their arguments themselves
    names = ("own", "pack", "remove")
    rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/{name}" for name in names]
    units = [settings.node.service_unit(color, service.name) for color in Color for service in settings.services]
    if settings.runtime == "php":
        units += [settings.node.service(color) for color in Color]
    rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/said {unit}" for unit in units]
    if settings.runtime == "service":
        mains = [runtime_of(settings).main_unit(color) for color in Color]
        rules += [f"{settings.user} ALL=(root) NOPASSWD: {settings.node.library}/runs {unit}" for unit in mains]
    return "\n".join([f"# {NOTICE}", *rules, ""])


def balancer_sudoers(settings: Settings, nodes: Mapping[str, str]) -> str:
    """The sudo rules of the deploy user on a balancer: they allow to bar each node of the fleet, and nothing else."""
    bar = f"{settings.balancer.library}/bar"
    lines = [f"{bar} list", *(f"{bar} {address} {verb}" for address in nodes.values() for verb in ("on", "off"))]
    # a colon separates host lists in sudoers, so it is escaped
    rules = [f"{settings.user} ALL=(root) NOPASSWD: " + line.replace(":", r"\:") for line in lines]
    return "\n".join([f"# {NOTICE}", *rules, ""])


def nodes_file(settings: Settings) -> str:
    """Path of the file with the nodes that a balancer may bar."""
    return f"/etc/orchestrator/{settings.app}/nodes"


def nodes_list(settings: Settings, nodes: Mapping[str, str], found: Mapping[str, str]) -> str:
    """The text of that file, a node a line: address in the inventory, resolved address, blue's and green's port."""
    ports = f"{settings.ports.blue} {settings.ports.green}"
    return "".join(f"{address} {found[address]} {ports}\n" for address in nodes.values())


def node_scripts(settings: Settings) -> dict[str, str]:
    """Name -> text of the programs that the deploy user may run as root on a node.

    ``used`` prints the releases in use, ``own`` gives files of a release to other owners, ``pack`` writes the files to
    its output, and ``remove`` removes a release.
    """
    environment, user, root = settings.environment, settings.user, settings.node.root
    owner = settings.environment_owner if environment else ""
    allowed = f"{environment.path if environment else ''} {owner} {settings.permissions.group or ''}"
    return {
        "used": _render("used.j2", name="used", user=user, root=root),
        "own": _render("own.j2", name="own", user=user, root=root, allowed=allowed),
        "pack": _render("pack.j2", name="pack", user=user, root=root),
        "remove": _render("remove.j2", name="remove", user=user, root=root),
    }


def bar(settings: Settings) -> str:
    """The script that keeps a balancer from opening connections to a node."""
    return _render("bar.j2", nodes_file=nodes_file(settings))


def bar_service(settings: Settings) -> str:
    """The unit that bars nodes again at boot."""
    return _render("bar.service.j2", app=settings.app, bar=f"{settings.balancer.library}/bar")


def endpoint(address: str, port: int) -> str:
    """Address and port in the syntax of configuration files."""
    return f"[{address}]:{port}" if is_address(address, 6) else f"{address}:{port}"


def is_address(text: str, version: int | None = None) -> bool:
    """Whether a text is an IP address (of this version) rather than a name."""
    try:
        return version in (None, ipaddress.ip_address(text).version)
    except ValueError:
        return False


def addresses(nodes: Mapping[str, str]) -> Mapping[str, str]:
    """The checked addresses of the nodes by name. Both end up in configuration files and sudo rules.

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
    """Our configuration file of HAProxy.

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
    """The path of the health page without its query. Balancers answer it on plain http whatever the settings."""
    return settings.gate.path.split("?")[0]


def sticky_value(settings: Settings, node_name: str) -> str:
    """The value of a client's cookie for a node: the same for both colors, and without the name of the node."""
    return hashlib.sha256(f"{settings.app}/{node_name}".encode()).hexdigest()[:12]


def trim(settings: Settings, switch: NginxSwitch) -> str:
    """The script that limits the size of nginx's record of requests."""
    return _render("trim.j2", record=settings.balancer.record, limit=switch.record_mb << 20)


def trim_units(settings: Settings) -> dict[str, str]:
    """Path -> text of the units that run this script every minute."""
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

    + nodes: inventory name -> IP address; nginx does not start if it cannot resolve a host name
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
    """``/etc/default/haproxy`` with our directory added to the options.

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

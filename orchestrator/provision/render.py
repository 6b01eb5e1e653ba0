"""Make the texts of the configuration files and scripts that provisioning installs, from the settings. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import shlex
from collections.abc import Mapping, Sequence
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
from orchestrator.provision import certificate, web
from orchestrator.provision.members import Listed
from orchestrator.runtimes import listener_of, runtime_of
from orchestrator.switches.record import FLUSH, RING_LINE

NOTICE = "Written by provisioning; what is changed here by hand is lost."
TEMPLATES = Path(__file__).parent / "templates"

HTTP, HTTPS = 80, 443
"""The usual ports of http and https. On these ports, nginx on a balancer is the default server."""

WELCOME = "/etc/nginx/sites-enabled/default"
"""The distribution's welcome page, which is nginx's default server of port 80."""


@cache
def templates(trim: bool = True) -> Environment:
    """Return the environment that renders the jinja2 templates.

    + trim: whether the line of a block tag, such as ``{% if %}``, is left out; if False, it becomes an empty line
    """
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
    """Return the text of a script or PHP file that is installed unchanged."""
    return (TEMPLATES / name).read_text()


def variable(settings: Settings) -> str:
    """Return the prefix of this application's nginx variables.

    The prefix begins with ``$bg_``, so that an application called ``http`` does not use names of nginx's own variables.
    """
    return "$bg_" + settings.app.replace("-", "_")


def nginx_conf(settings: Settings) -> str:
    """Return the path of the application's nginx configuration, on a node and on an nginx balancer."""
    return f"/etc/nginx/conf.d/{settings.app}.conf"


def node_nginx(settings: Settings, node_name: str, proxies: Sequence[str] = ()) -> str:
    """Return the text of ``conf.d/<app>.conf``, nginx's configuration on a node.

    Raises UsageError if the node's name cannot stand in a header.

    + node_name: name of the node in the header X-Node of answers
    + proxies: IP addresses and networks of the trusted proxies
    """
    if not re.fullmatch(r"[A-Za-z0-9._:@/-]+", node_name):
        raise UsageError(
            f"the inventory name {node_name!r} has a character that the X-Node header does not allow: use letters, "
            "digits and . _ : @ / -"
        )
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
        front_regex=re.escape(settings.php.front),
        scripts=settings.runtime == "php" and settings.php.scripts,
        fallback=settings.php.fallback,
        **web.values(settings, proxies),
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


def _services(settings: Settings) -> dict[str, object]:
    """Return the values of services for the templates of nginx and HAProxy.

    Services with longer paths come first, because the longest path that matches a request decides.
    """
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
    """Return the token that a request must send to see the markers; empty if all answers have markers.

    Raises UsageError if the token has characters that need quoting in a configuration file.
    """
    if settings.marker.answers == "all":
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", settings.token):
        raise UsageError("settings: marker.token may contain only letters, digits, - and _")
    return settings.token


def preview(settings: Settings) -> Preview | None:
    """Return the settings of the preview; None without a preview token.

    Raises UsageError if the token is too short, or has characters that need quoting in a configuration file.
    """
    if not settings.preview_token:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", settings.preview_token):
        raise UsageError("settings: preview.token must have at least 16 characters: letters, digits, - and _")
    return settings.preview


def php_fpm(settings: Settings, color: Color, group: str, web_group: str, workers: int | None = None) -> str:
    """Return the configuration of a color's FPM master and of its only pool.

    + group: primary group of the deploy user. Users of this group may connect to the FPM's socket.
    + web_group: primary group of the web user
    + workers: number of workers of the pool; None: the setting ``php.workers``
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


# Debian's cron job clears only Debian's own directory of sessions, and Debian's PHP clears no sessions itself.
SESSION_DEFAULTS = {"session.save_handler": "files", "session.gc_probability": "1", "session.gc_divisor": "1000"}


def php_ini(settings: Settings, color: Color) -> str:
    """Return the text of a color's php.ini file.

    It holds the values that this tool needs. A value in the setting ``php.ini`` replaces the value of this tool.
    """
    sessions = {"session.save_path": settings.node.sessions, **SESSION_DEFAULTS}
    preload = {"opcache.preload": f"{settings.node.etc}/{color}/preload.php", "opcache.preload_user": settings.web_user}
    changing = {"opcache.blacklist_filename": fpm_files(settings, color)["blacklist"]} if _has_shared(settings) else {}
    ours = {
        **PHP_DEFAULTS,
        **changing,
        **(sessions if settings.shared_sessions else {}),
        **(preload if settings.php.preload else {}),
    }
    ini = {key: ini_value(key, value) for key, value in {**ours, **settings.php.ini}.items()}
    return _render("php.ini.j2", color=color.value, ini=ini)


def _has_shared(settings: Settings) -> bool:
    return bool(settings.shared.directories or settings.shared.files)


def opcache_blacklist(settings: Settings) -> str:
    """Return the text of the file that lists the PHP files that OPcache does not cache: all shared files.

    OPcache never looks again at a file that it has cached (``opcache.validate_timestamps``). The application may write
    shared files, such as its configuration, at any time, and the other color must then read the new file, too.
    """
    return f"; {NOTICE}\n{settings.node.shared}/\n"


def preload(settings: Settings, color: Color) -> str:
    """Return the text of the PHP file that a color's FPM master runs when it starts (opcache.preload)."""
    return _render("preload.php.j2", release=settings.node.link(color), preload=settings.php.preload)


def ini_value(key: str, value: str) -> str:
    """Return a value as a php.ini file must have it: constants and numbers unchanged, all other values in quotes.

    Raises UsageError if the key or the value cannot stand in a php.ini file.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key):
        raise UsageError(f"settings: php.ini: {key!r} is not the name of a php.ini value")
    if re.search(r"[\"\n\r\0]|\$\{", value):
        raise UsageError(f'settings: php.ini: {key} must not contain ", a line break or ${{')
    return value if re.fullmatch(r"[A-Z0-9_ &|~^()-]+", value) else f'"{value}"'


def stamp(settings: Settings, color: Color) -> str:
    """Return the path of a color's stamp: a file that lists the files that the color's FPM or service has loaded."""
    return f"/run/orchestrator/{settings.app}-{color}/loaded"


def fpm_files(settings: Settings, color: Color) -> dict[str, str]:
    """Return the files that a color's FPM reads: short name -> path."""
    etc = f"{settings.node.etc}/{color}"
    preload = {"preload": f"{etc}/preload.php"} if settings.php.preload else {}
    idle = {"idle": f"{etc}/php-fpm-idle.conf"} if settings.shrinks else {}
    blacklist = {"blacklist": f"{etc}/opcache-blacklist"} if _has_shared(settings) else {}
    return {
        "conf": f"{etc}/php-fpm.conf",
        "ini": f"{etc}/php.d/99-orchestrator.ini",
        **preload,
        **blacklist,
        **idle,
        "service": f"/etc/systemd/system/{settings.node.service(color)}",
    }


def service_files(settings: Settings, color: Color) -> dict[str, str]:
    """Return the files of a color's services: path -> text. The systemd units come before the files with commands."""
    units, commands = _service_paths(settings, color)
    texts = [service_unit(settings, service, color) for service in settings.services]
    texts += [f"{service.command}\n" for service in settings.services]
    return dict(zip([*units, *commands], texts, strict=True))


def _service_paths(settings: Settings, color: Color) -> tuple[list[str], list[str]]:
    """Return the paths of the systemd units of a color's services, and the paths of the files with their commands."""
    names = [service.name for service in settings.services]
    units = [f"/etc/systemd/system/{settings.node.service_unit(color, name)}" for name in names]
    return units, [f"{settings.node.etc}/services/{name}" for name in names]


def service_unit(settings: Settings, service: Service, color: Color) -> str:
    """Return the text of the systemd unit for one service of a color."""
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
    """Return the script ``runs``, which prints the release and the start time of a unit's main process.

    The release is the one in whose directory the process runs.
    """
    return _render("runs.j2", name="runs", user=settings.user, root=settings.node.root)


def ssh(settings: Settings) -> str:
    """Return the script ``ssh``, which git runs to connect to the origin."""
    source, layout = settings.source, settings.node
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    if isinstance(source, GitSource) and source.key:
        options += ["-i", layout.origin_key, "-o", "IdentitiesOnly=yes"]
    if isinstance(source, GitSource) and source.known_hosts:
        options += ["-o", f"UserKnownHostsFile={layout.origin_known_hosts}"]
    return _render("ssh.j2", options=shlex.join(options))


def serve(settings: Settings) -> str:
    """Return the script ``serve``, which systemd runs to start a service of a color."""
    return _render("serve.j2", root=settings.node.root, etc=settings.node.etc)


def fpm_service(settings: Settings, color: Color) -> str:
    """Return the text of the systemd unit of a color's FPM."""
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
        # provisioning restarts the whole color, so the stamp includes the files of the services
        read=[*read.values(), *service_files(settings, color)],
        stamp=stamp(settings, color),
    )


def shrink(settings: Settings) -> str:
    """Return the script ``shrink``, which restarts the FPM of an idle color with fewer workers."""
    layout = settings.node
    return _render("shrink.j2", app=settings.app, root=layout.root, library=layout.library, guard_dir=layout.guard_dir)


def shrink_units(settings: Settings, color: Color) -> dict[str, str]:
    """Return the systemd units that run the script ``shrink`` at the end of a color's soak time: path -> text."""
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
    """Return the text of the systemd target of a color, which starts and stops all units of the color."""
    return _render(
        "color.target.j2",
        app=settings.app,
        color=color.value,
        target=settings.node.target(color),
        service=settings.node.service(color) if settings.runtime == "php" else "",
        services=[settings.node.service_unit(color, service.name) for service in settings.services],
    )


def node_sudoers(settings: Settings) -> str:
    """Return the sudo rules of the deploy user on a node.

    The rules let the deploy user

    * start, stop and restart a color, and reduce its workers;
    * see which releases are in use, and the last log line of a service;
    * give files of a release to the owners that the settings name;
    * pack a release into a tar file, and remove a release.
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
    """Return the sudo rules of the deploy user on a balancer.

    The deploy user may only list the barred nodes, and bar or unbar each node of the fleet.

    + nodes: inventory name -> address
    """
    bar = f"{settings.balancer.library}/bar"
    lines = [f"{bar} list", *(f"{bar} {address} {verb}" for address in nodes.values() for verb in ("on", "off"))]
    # a colon separates host lists in sudoers, so it is escaped
    rules = [f"{settings.user} ALL=(root) NOPASSWD: " + line.replace(":", r"\:") for line in lines]
    return "\n".join([f"# {NOTICE}", *rules, ""])


def nodes_file(settings: Settings) -> str:
    """Return the path of the file that lists the nodes that the program ``bar`` of a balancer may bar."""
    return f"/etc/orchestrator/{settings.app}/nodes"


def nodes_list(
    settings: Settings, nodes: Mapping[str, str], found: Mapping[str, str], outdated: Sequence[Listed] = ()
) -> str:
    """Return the text of the file at ``nodes_file``.

    Each line is one node: address in the inventory, IP address, blue's port, green's port and name in the inventory.

    + nodes: inventory name -> address in the inventory
    + found: address in the inventory -> IP address
    + outdated: lines for nodes that are not in the inventory, or have another address there
    """
    ports = settings.ports
    wanted = [
        Listed(address, found[address], str(ports.blue), str(ports.green), name) for name, address in nodes.items()
    ]
    return "".join(f"{one.line}\n" for one in (*wanted, *outdated))


def node_scripts(settings: Settings) -> dict[str, str]:
    """Return scripts that the deploy user may run as root on a node: name -> text.

    * ``used`` prints the releases in use.
    * ``own`` gives files of a release to the owners that the settings name.
    * ``pack`` prints the files of a release as a tar file.
    * ``remove`` removes a release.
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
    """Return the script ``bar``, which keeps a balancer from opening connections to a node."""
    return _render("bar.j2", nodes_file=nodes_file(settings))


def bar_service(settings: Settings) -> str:
    """Return the text of the systemd unit that, at boot, bars the nodes again that were barred before."""
    return _render("bar.service.j2", app=settings.app, bar=f"{settings.balancer.library}/bar")


def endpoint(address: str, port: int) -> str:
    """Return an address and a port as HAProxy and nginx expect them: ``10.0.0.1:80`` or ``[::1]:80``."""
    return f"[{address}]:{port}" if is_address(address, 6) else f"{address}:{port}"


def is_address(text: str, version: int | None = None) -> bool:
    """Return whether a text is an IP address rather than a host name.

    + version: 4 or 6 to accept only this version of IP; None to accept both
    """
    try:
        return version in (None, ipaddress.ip_address(text).version)
    except ValueError:
        return False


def addresses(nodes: Mapping[str, str]) -> Mapping[str, str]:
    """Check the names and addresses of the nodes, and return them unchanged.

    Names and addresses are inserted into configuration files and sudo rules. Therefore UsageError is raised if one has
    a character that is not allowed there. UsageError is also raised if there are no nodes.

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


def haproxy(settings: Settings, switch: HAProxySwitch, nodes: Mapping[str, str], group: str) -> str:
    """Return the text of HAProxy's configuration file for this application.

    + nodes: inventory name -> address of every node
    + group: primary group of the deploy user. Users of this group may use the Runtime API.
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
        raise UsageError("settings: gate.path and gate.host must not contain spaces, quotes, \\ or #")


def _health(settings: Settings) -> str:
    """Return the path of the health page without its query.

    Balancers never redirect requests for this path to https, even if the settings redirect all other requests.
    """
    return settings.gate.path.split("?")[0]


def sticky_value(settings: Settings, node_name: str) -> str:
    """Return the value of the cookie that keeps a client on a node.

    The value is the same for both colors. It is a hash, so that clients do not see the name of the node.
    """
    return hashlib.sha256(f"{settings.app}/{node_name}".encode()).hexdigest()[:12]


def trim(settings: Settings, switch: NginxSwitch) -> str:
    """Return the script ``trim``, which limits the size of nginx's record of requests."""
    return _render("trim.j2", record=settings.balancer.record, limit=switch.record_mb << 20)


def trim_units(settings: Settings) -> dict[str, str]:
    """Return the systemd units that run the script ``trim`` every minute: path -> text."""
    script = f"{settings.balancer.library}/trim"
    return {
        f"/etc/systemd/system/{settings.app}-trim.{kind}": _render(f"trim.{kind}.j2", app=settings.app, trim=script)
        for kind in ("service", "timer")
    }


def weights_map(weights: Weights) -> str:
    """Return the text of HAProxy's map file, which holds green's weight."""
    return f"green {weights.green}\n"


def balancer_nginx(settings: Settings, switch: NginxSwitch, nodes: Mapping[str, str]) -> str:
    """Return the text of ``conf.d/<app>.conf``, nginx's configuration on a balancer.

    + nodes: inventory name -> IP address of every node. Host names are not used, because nginx does not start if it
      cannot resolve a host name.
    """
    v = variable(settings)
    _gate_is_plain(settings)
    return _render(
        "balancer.nginx.j2",
        v=v,
        v_pool=f"{v}_pool",
        link=settings.balancer.weight_link,
        drain=f"{settings.balancer.guard_dir}/drain",
        switch=switch,
        listen=switch.listen,
        tls_files=certificate.files(switch),
        ciphers=certificate.CIPHERS,
        health_regex=re.escape(_health(settings)),
        preview=preview(settings),
        preview_token=settings.preview_token,
        preview_bind=endpoint(settings.preview.bind, settings.preview.port or 0),
        max_body=settings.web.max_body,
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
    """Return the text of ``/etc/default/haproxy`` with an option that makes HAProxy read this tool's directory.

    The file may set the variable EXTRAOPTS, which holds options of HAProxy. If the file sets EXTRAOPTS, the option is
    added to the value, if it is missing there. Otherwise a line that sets EXTRAOPTS is added. This line replaces the
    default value in HAProxy's systemd unit, so the line also has the default's option for the master socket.

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

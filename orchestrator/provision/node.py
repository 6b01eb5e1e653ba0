"""An app node: two colors with an FPM master each, and nginx on three ports in front of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pyinfra.context import host
from pyinfra.operations import server, systemd

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch, NodeSwitch
from orchestrator.model import Color
from orchestrator.provision import catch_up, common, operations, render
from orchestrator.provision.common import account_of, local_text
from orchestrator.provision.facts import Account, Current, Unit, Units
from orchestrator.provision.work import Work

NGINX = "nginx.service"


def packages(settings: Settings) -> list[str]:
    """The Debian packages of a node."""
    php = [f"php{settings.php.version}-{part}" for part in ("fpm", "cli", "opcache")]
    tools = ["git", "openssh-client", "libfcgi-bin", "curl", "rsync", "sudo", "iproute2", "procps", "util-linux"]
    armed = [switch.kind for switch in settings.switches if isinstance(switch, NodeSwitch)]
    # perl-base, which every server has, is without Time::HiRes
    return ["nginx", *php, *tools, *(["perl"] if armed else [])]


def place(settings: Settings, node_name: str) -> list[str]:
    """Put everything on the current node where it belongs; no traffic is disturbed. Returns what changed.

    + settings: of the application
    + node_name: the name that answers carry in X-Node
    """
    ports = f"{settings.ports.live} {settings.ports.blue} {settings.ports.green}"
    nginx = render.node_nginx(settings, node_name)  # bad settings are told before anything is touched
    work = Work()
    common.packages(work, packages(settings))
    account = common.deploy_user(work, settings)
    web = account_of(settings.web_user)
    origin(work, settings, account)
    tree(work, settings, account, web)
    scripts = {**common.scripts_of("guard", "inspect.php", "check-nginx"), "used": render.used(settings)}
    if settings.services:
        scripts |= {**common.scripts_of("answers", "said"), "serve": render.serve(settings)}
    common.library(work, settings.node.library, scripts)
    if settings.scaling and settings.scaling.hook:
        common.library(work, catch_up.steps_directory(settings), catch_up.steps(settings))
        common.library(work, settings.node.library, {"catch-up": catch_up.script(settings)})
    common.etc(work, settings)
    for color in Color:
        fpm(work, settings, color, account, web)
    units(work, settings)
    common.sudoers(work, settings, render.node_sudoers(settings))
    work.do(
        "nginx configuration",
        operations.file,
        path=nginx_conf(settings),
        text=nginx,
        mode="640",  # it holds the probe token
        check=f'{settings.node.library}/check-nginx "$candidate" "$path" {ports}',
    )
    return work.changed


def nginx_conf(settings: Settings) -> str:
    return f"/etc/nginx/conf.d/{settings.app}.conf"


def origin(work: Work, settings: Settings, account: Account) -> None:
    """How git reaches the origin: its own key, and host keys that are checked strictly."""
    ssh = f"{account.home}/.ssh"
    owner = {"user": settings.user, "group": account.group}
    options = ["-o BatchMode=yes", "-o StrictHostKeyChecking=yes"]
    work.do("ssh directory", operations.directories, paths=[ssh], mode="700", **owner)
    if settings.source.key:
        text = local_text(settings.source.key, "source.key")
        path = f"{ssh}/origin_key"
        work.do("key of the origin", operations.file, path=path, text=text, mode="600", **owner)
        options += [f"-i {path}", "-o IdentitiesOnly=yes"]
    if settings.source.known_hosts:
        text = local_text(settings.source.known_hosts, "source.known_hosts")
        path = f"{ssh}/origin_known_hosts"
        work.do("host keys of the origin", operations.file, path=path, text=text, mode="644", **owner)
        options.append(f"-o UserKnownHostsFile={path}")
    work.do(
        "git's ssh command",
        operations.git_setting,
        config=f"{account.home}/.gitconfig",
        key="core.sshCommand",
        value=" ".join(["ssh", *options]),
        **owner,
    )


def tree(work: Work, settings: Settings, account: Account, web: Account) -> None:
    """The directories of the application, and the link to the first live color."""
    layout = settings.node
    owner = {"user": settings.user, "group": account.group}
    colors = [layout.color(color) for color in Color]
    paths = [layout.root, layout.releases, layout.shared, layout.guard_dir, *colors]
    work.do("directories", operations.directories, paths=paths, **owner)
    work.do(
        "directories of sockets",
        operations.directories,
        paths=[f"{path}/run" for path in colors],
        user=settings.user,
        # services run as the web user and make their sockets themselves
        group=web.group if settings.services else account.group,
        mode="775" if settings.services else "755",
    )
    if settings.php.sessions == "shared":
        work.do(
            "sessions",
            operations.directories,
            paths=[layout.sessions],
            user=settings.web_user,
            group=web.group,
            mode="700",
        )
    shared = shared_directories(settings)
    if shared:
        # The web user writes here; setgid, so that what either makes stays writable for the other.
        work.do(
            "shared directories",
            operations.directories,
            paths=[f"{layout.shared}/{path}" for path in shared],
            user=settings.user,
            group=web.group,
            mode="2775",
        )
    if not any(isinstance(switch, BalancerSwitch) for switch in settings.switches):
        # lock and journal are on a node then: which one, the operator may change
        state = settings.balancer.state
        work.do("state directory", operations.directories, paths=[state.rsplit("/", 1)[0]])
        work.do("state", operations.directories, paths=[state], **owner)
    work.do("live link", operations.first_link, path=layout.live, target=str(settings.first_color), **owner)


def shared_directories(settings: Settings) -> list[str]:
    """The shared directories and those above them, parents first."""
    found: dict[str, None] = {}
    for directory in settings.shared.directories:
        parts = [part for part in directory.split("/") if part]
        found.update(dict.fromkeys("/".join(parts[: end + 1]) for end in range(len(parts))))
    return list(found)


def fpm(work: Work, settings: Settings, color: Color, account: Account, web: Account) -> None:
    """Configuration of one color's FPM. It is read when that color starts next."""
    paths = render.fpm_files(settings, color)
    etc = f"{settings.node.etc}/{color}"
    work.do(f"{color}: directory", operations.directories, paths=[etc, f"{etc}/php.d"])
    work.do(
        f"{color}: php.ini",
        operations.file,
        path=paths["ini"],
        text=render.php_ini(settings, color),
        check=f"/usr/bin/php{settings.php.version} -n -r "
        "'exit(parse_ini_file($argv[1]) === false ? 1 : 0);' \"$candidate\"",
    )
    work.do(
        f"{color}: FPM configuration",
        operations.file,
        path=paths["conf"],
        text=render.php_fpm(settings, color, account.group, web.group),
        check=f'/usr/sbin/php-fpm{settings.php.version} -t --fpm-config "$candidate"',
    )


def units(work: Work, settings: Settings) -> None:
    """systemd units of both colors."""
    before = len(work.changed)
    if settings.services:
        work.do("services: directory", operations.directories, paths=[f"{settings.node.etc}/services"])
    for color in Color:
        for path, text in render.service_files(settings, color).items():
            work.do(f"{color}: {path.rpartition('/')[2]}", operations.file, path=path, text=text)
        service = render.fpm_files(settings, color)["service"]
        target = f"/etc/systemd/system/{settings.node.target(color)}"
        work.do(f"{color}: service", operations.file, path=service, text=render.fpm_service(settings, color))
        work.do(f"{color}: target", operations.file, path=target, text=render.color_target(settings, color))
    if len(work.changed) > before:
        work.do("systemd reads the units", systemd.daemon_reload)


@dataclass(frozen=True)
class Task:
    """Something that is placed but not loaded.

    + what: for people
    + kind: what to do; ``later`` is nothing now, the live color reads it when it is idle next
    + color: which color, if it is about one
    + disturbs: whether requests can fail by it, so that the node has to be drained first
    """

    what: str
    kind: Literal["units", "nginx", "up", "restart", "later"]
    color: Color | None = None
    disturbs: bool = False


@dataclass(frozen=True)
class Seen:
    """What runs on a node, and whether it has read what stands in the files.

    + units: by name
    + current: by stamp
    """

    units: Mapping[str, Unit]
    current: Mapping[str, bool]


def see(settings: Settings) -> Seen:
    """Look at the current node."""
    stamps = [common.loaded(settings, "nginx"), *(render.stamp(settings, color) for color in Color)]
    names = [NGINX, *(settings.node.target(color) for color in Color)]
    names += [settings.node.service(color) for color in Color]
    names += [settings.node.service_unit(color, service.name) for color in Color for service in settings.services]
    units, current = host.get_fact(Units, units=names), host.get_fact(Current, stamps=stamps)
    return Seen(units, current)


def tasks(settings: Settings, seen: Seen, live: Color | None) -> list[Task]:
    """What is left to do on a node, in order.

    + live: the color with traffic on this fleet, None if unknown; an FPM that runs is only restarted when
      the other color is known to be live
    """
    found: list[Task] = []
    if any(unit.stale for unit in seen.units.values()):
        found.append(Task("systemd reads the units", "units"))
    for color in Color:
        target = seen.units[settings.node.target(color)]
        service = seen.units[settings.node.service(color)]
        others = [seen.units[settings.node.service_unit(color, one.name)] for one in settings.services]
        if not (service.active and target.active and target.enabled and all(other.active for other in others)):
            found.append(Task(f"{color} is up", "up", color))
        if service.active and not seen.current[render.stamp(settings, color)]:
            if live is color.other:
                found.append(Task(f"{color}: FPM restarted, with its new configuration", "restart", color))
            else:
                found.append(Task(f"{color}: FPM reads its new configuration when it is idle", "later", color))
    nginx = seen.units[NGINX]
    if not (nginx.active and nginx.enabled and seen.current[common.loaded(settings, "nginx")]):
        found.append(Task("nginx with its new configuration", "nginx", disturbs=nginx.active))
    return found


def pending(settings: Settings, live: Color | None) -> list[Task]:
    """What ``activate`` would do on the current node.

    + live: as in ``tasks``
    """
    return tasks(settings, see(settings), live)


def activate(settings: Settings, live: Color | None = None) -> list[str]:
    """Load what is placed on the current node; returns what changed. The live FPM is never restarted.

    + live: as in ``tasks``; the idle color should be quiet
    """
    work = Work()
    for task in tasks(settings, see(settings), live):
        if task.kind == "units":
            work.do(task.what, systemd.daemon_reload)
        elif task.kind == "up" and task.color:
            work.do(task.what, server.shell, commands=[_up(settings, task.color, "start", enable=True)])
        elif task.kind == "restart" and task.color:
            work.do(task.what, server.shell, commands=[_up(settings, task.color, "restart")])
        elif task.kind == "nginx":
            verb = "reload" if task.disturbs else "start"
            ports = settings.ports
            work.do(
                task.what,
                operations.load,
                command=f"systemctl enable --quiet {NGINX} && systemctl {verb} {NGINX}",
                process="nginx",
                ports=[ports.live, ports.blue, ports.green],
                files=[nginx_conf(settings)],
                stamp=common.loaded(settings, "nginx"),
            )
    return work.changed


def _up(settings: Settings, color: Color, verb: str, enable: bool = False) -> str:
    """A command that starts a color and, if it does not come up, says what its FPM said last."""
    target, service = settings.node.target(color), settings.node.service(color)
    enabled = f"systemctl enable --quiet {target} && " if enable else ""
    said = f"journalctl --unit {service} --lines 4 --output cat --no-pager"
    return f"{enabled}systemctl {verb} {target} || {{ {said} >&2; exit 1; }}"

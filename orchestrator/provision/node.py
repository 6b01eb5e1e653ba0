"""Provision a node. Each color gets its own nginx on the color's port, and its own PHP-FPM or services.

nginx of the distribution serves a third port, the live port, which leads to the live color.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pyinfra.context import host
from pyinfra.operations import server, systemd

from orchestrator.config import Settings
from orchestrator.config.source import GitSource, Tarball
from orchestrator.config.switch import NodeSwitch
from orchestrator.model import Color
from orchestrator.provision import catch_up, common, firewall, operations, render, web_user
from orchestrator.provision.common import local_text
from orchestrator.provision.facts import (
    Account,
    Addresses,
    Current,
    ReleasedSchedules,
    ReleasedServices,
    Unconfigured,
    Unit,
    Units,
    WorkerUnits,
)
from orchestrator.provision.proxies import trusted
from orchestrator.provision.render import Allowed
from orchestrator.provision.work import Work
from orchestrator.runtimes import runtime_of
from orchestrator.stack.files import files, packed
from orchestrator.stack.php import fpm_conf

NGINX = "nginx.service"


def packages(settings: Settings) -> list[str]:
    """Return the names of the Debian packages that a node needs: those of this tool and of the setting ``packages``."""
    php = [f"php{settings.php.version}-{part}" for part in ("fpm", "cli", "opcache")] + ["libfcgi-bin"]
    tools = ["git", "openssh-client", "curl", "rsync", "sudo", "iproute2", "procps", "util-linux", "acl"]
    armed = [switch.kind for switch in settings.switches if isinstance(switch, NodeSwitch)]
    packed = isinstance(settings.source, Tarball) and settings.source.needs_unpackers
    tools += ["xz-utils", "zstd"] if packed else []
    tools += ["git-lfs"] if isinstance(settings.source, GitSource) and settings.source.lfs else []
    # the switch `node` needs perl's module Time::HiRes, which the package perl-base lacks
    tools += ["perl"] if armed else []
    tools += ["nftables"] if settings.has_firewall else []
    return list(dict.fromkeys(["nginx", *(php if settings.runtime == "php" else []), *tools, *settings.packages]))


def check(settings: Settings, node_name: str) -> None:
    """Raise UsageError if a configuration file of a node cannot be made from the settings. Nothing is changed.

    + node_name: name of the node in the header X-Node of answers
    """
    render.servers_nginx(settings, node_name)
    for path in settings.authorized_keys:
        common.public_keys(path)
    if isinstance(settings.source, GitSource):
        for key in ("key", "known_hosts"):
            if path := getattr(settings.source, key):
                local_text(path, f"source.{key}")


def place(
    work: Work,
    settings: Settings,
    node_name: str,
    balancers: Mapping[str, str],
    live: Color | None,
    allowed: Sequence[Allowed] = (),
) -> list[str]:
    """Pass all operations that install something on the current node to ``work``. Returns warnings for the operator.

    The operations do not disturb the traffic.

    + work: runs the operations, or only notes them
    + settings: settings of the application
    + node_name: name of the node in the header X-Node of answers
    + balancers: inventory name -> address of every balancer
    + live: the color to which a new symlink ``live`` points; None to make no symlink. An existing symlink is not
      changed.
    + allowed: the addresses of the balancers, which the firewall allows
    """
    names = [address for address in balancers.values() if not render.is_address(address)]
    found = {address: address for address in balancers.values() if render.is_address(address)}
    proxies, warnings = trusted(settings, balancers, found | (work.fact(Addresses, hosts=names) if names else {}))
    common.packages(work, packages(settings))
    account = common.deploy_user(work, settings)
    common.web_user(work, settings.web_user)
    web = work.account(settings.web_user)
    common.etc(work, settings)
    origin(work, settings, account)
    tree(work, settings, account, web_user.holder(work, settings), live)
    scripts = {**common.scripts_of("guard", "inspect.php", "said"), **render.node_scripts(settings)}
    scripts |= render.nginx_scripts(settings)
    scripts |= {"ssh": render.ssh(settings), "console": render.console(settings)}
    if settings.shrinks:
        scripts["shrink"] = render.shrink(settings)
    if settings.runtime == "php":
        scripts["fpm"] = render.fpm(settings)
    if settings.services:
        scripts |= {"answers": render.answers(settings), "serve": render.serve(settings)}
    scripts |= {"runs": render.runs(settings)} if settings.runtime == "service" else {}
    scripts |= render.web_scripts(settings) if settings.runs_as_web else {}
    # a release may have workers that the settings no longer have: a run must be able to end them
    has_workers = bool(settings.workers or work.fact(WorkerUnits, app=settings.name))
    scripts |= render.worker_scripts(settings) if has_workers else {}
    scripts |= render.schedule_scripts(settings) if settings.schedule else {}
    common.library(work, settings.node.library, scripts)
    if settings.scaling and settings.scaling.hook:
        common.library(work, catch_up.steps_directory(settings), catch_up.steps(settings))
        common.library(work, settings.node.library, {"catch-up": catch_up.script(settings)})
    forget_former_origin(work, settings, account)
    for color in Color:
        work.do(f"{color}: directory", operations.directories, paths=[f"{settings.node.etc}/{color}"])
        text = render.nginx_without_release(settings, color)
        work.do(
            f"{color}: nginx without a release",
            operations.file,
            path=f"{settings.node.etc}/{color}/nginx.conf",
            text=text,
        )
        if settings.runtime == "php":
            path, text = f"{settings.node.etc}/{color}/php-fpm.conf", fpm_conf(settings, color, workers=0)
            work.do(f"{color}: PHP-FPM without a release", operations.file, path=path, text=text)
    servers = render.servers_nginx(settings, node_name, proxies)
    work.do(
        "settings of the servers for nginx",
        operations.file,
        path=settings.node.nginx_servers,
        text=servers,
        group=web.group,
        mode="640",  # the file holds the probe token
        check=common.checker("check-servers", []),
    )
    logs = render.logrotate(settings, web.group)
    work.do("rotation of the logs", operations.file, path=f"/etc/logrotate.d/{settings.name}", text=logs)
    configure_earlier(work, settings)
    firewall.place(work, settings, allowed)
    units(work, settings)
    common.sudoers(work, settings, render.node_sudoers(settings, has_workers))
    common.welcome_page(work, list(settings.ports.model_dump().values()))
    work.do(
        "nginx configuration",
        operations.file,
        path=render.nginx_conf(settings),
        text=render.front_nginx(settings, proxies),
        check=common.checker("check-nginx", list(settings.ports.model_dump().values())),
    )
    return warnings


def origin(work: Work, settings: Settings, account: Account) -> None:
    """Install on a node the SSH key with which git logs in at the origin, and the SSH host keys of the origin.

    The origin is the git server from which releases are fetched. Only files that the settings name are installed.
    """
    source, layout = settings.source, settings.node
    owner = {"user": settings.user, "group": account.group}
    if isinstance(source, GitSource) and source.key:
        text = local_text(source.key, "source.key")
        work.do("key of the origin", operations.file, path=layout.origin_key, text=text, mode="600", **owner)
    if isinstance(source, GitSource) and source.known_hosts:
        text = local_text(source.known_hosts, "source.known_hosts")
        work.do("host keys of the origin", operations.file, path=layout.origin_known_hosts, text=text)


def forget_former_origin(work: Work, settings: Settings, account: Account) -> None:
    """Remove the deploy user's git setting ``core.sshCommand``, if an older version of provisioning wrote this setting.

    With this setting, all applications of the deploy user shared one key for their origins. Now each application has
    its own program ``ssh``.
    """
    key, known_hosts = f"{account.home}/.ssh/origin_key", f"{account.home}/.ssh/origin_known_hosts"
    former = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes"
    work.do(
        "git's ssh command for all applications",
        operations.no_git_setting,
        config=f"{account.home}/.gitconfig",
        key="core.sshCommand",
        values=[
            f"{former}{with_key}{with_hosts}"
            for with_key in ("", f" -i {key} -o IdentitiesOnly=yes")
            for with_hosts in ("", f" -o UserKnownHostsFile={known_hosts}")
        ],
        files=[key, known_hosts],
        library=settings.node.library,
        user=settings.user,
    )


def tree(work: Work, settings: Settings, account: Account, web: str, live: Color | None) -> None:
    """Make the directories of the application on a node, and the symlink ``live``.

    An existing symlink ``live`` is not changed.

    + account: account of the deploy user
    + web: name of the web user to whom the files of the application belong
    + live: the color to which a new symlink ``live`` points; None to make no symlink
    """
    layout, web_group = settings.node, work.account(web).group
    owner = {"user": settings.user, "group": account.group}
    colors = [layout.color(color) for color in Color]
    paths = [layout.releases, layout.shared, layout.guard_dir, *colors]
    work.do("directory of the application", operations.directories, paths=[layout.root], **owner)
    work.do("directories", operations.directories_below, base=layout.root, paths=paths, **owner)
    work.do(
        "directories of sockets",
        operations.directories_below,
        base=layout.root,
        paths=[f"{path}/run" for path in colors],
        user=settings.user,
        # PHP-FPM and services run as the web user, and make their own sockets here
        group=web_group,
        mode="775",
    )
    if settings.shared_sessions:
        work.do(
            "sessions",
            operations.directories_below,
            base=layout.root,
            paths=[layout.sessions],
            user=web,
            group=web_group,
            mode="700",
        )
    shared = shared_directories(settings)
    if shared:
        # Both users write here: the web user in requests, the deploy user in console commands. Each must be able to
        # write to a file, such as a log, that the other user made.
        work.do(
            "shared directories",
            operations.directories_below,
            base=layout.root,
            paths=[f"{layout.shared}/{path}" for path in shared],
            user=settings.user,
            group=web_group,
            mode="2775",
        )
        work.do(
            "shared directories: who may write",
            operations.heirs,
            base=layout.root,
            paths=[f"{layout.shared}/{path}" for path in settings.shared.directories],
            users=[settings.user, web],
        )
    # a node holds lock and journal if there are no balancers, or if `journal.host` names the node
    common.state(work, settings, account)
    if live is not None:
        work.do("live link", operations.first_link, path=layout.live, target=str(live), user=settings.user)


def shared_directories(settings: Settings) -> list[str]:
    """Return the shared directories that the settings name, and all their parent directories. Parents come first.

    The paths are relative to the directory ``shared`` of the application.
    """
    found: dict[str, None] = {}
    for directory in settings.shared.directories:
        parts = [part for part in directory.split("/") if part]
        found.update(dict.fromkeys("/".join(parts[: end + 1]) for end in range(len(parts))))
    return list(found)


def configure_earlier(work: Work, settings: Settings) -> None:
    """Write configuration files for nginx, PHP-FPM and services into releases that have no such files.

    An earlier version of this tool made these releases. All other releases have their own configuration, which
    provisioning never changes.
    """
    wanted = "fpm-blue.conf" if settings.runtime == "php" else "nginx-blue.conf"
    found = work.fact(Unconfigured, root=settings.node.root, file=wanted)
    if found:
        work.do(
            f"configuration of the colors for {len(found)} earlier releases",
            operations.configured,
            root=settings.node.root,
            releases=found,
            packed=packed(files(settings), settings.php.public),
            # the version of this tool that made these releases had no setting for an include
            include="",
            user=settings.user,
        )


def units(work: Work, settings: Settings) -> None:
    """Install the systemd unit files of both colors. If a unit file has changed, make systemd read the unit files.

    The unit of a service stays if the service is removed from the settings. As long as a release on the node has the
    service, the target of each color also starts this unit.
    """
    before = len(work.changed)
    firewall.place_unit(work, settings)
    for color in Color:
        for path, text in render.service_units(settings, color).items():
            work.do(f"{color}: {path.rpartition('/')[2]}", operations.file, path=path, text=text)
        nginx = f"/etc/systemd/system/{settings.node.nginx(color)}"
        work.do(f"{color}: nginx", operations.file, path=nginx, text=render.nginx_service(settings, color))
        if settings.runtime == "php":
            service = render.fpm_unit(settings, color)
            work.do(f"{color}: service", operations.file, path=service, text=render.fpm_service(settings, color))
        for path, text in render.shrink_units(settings, color).items() if settings.shrinks else ():
            work.do(f"{color}: {path.rpartition('/')[2]}", operations.file, path=path, text=text)
        target = f"/etc/systemd/system/{settings.node.target(color)}"
        released = work.fact(ReleasedServices, root=settings.node.root, target=target)
        work.do(f"{color}: target", operations.file, path=target, text=render.color_target(settings, color, released))
    target = f"/etc/systemd/system/{settings.node.schedule_target}"
    scheduled = work.fact(ReleasedSchedules, root=settings.node.root, target=target)
    more = render.worker_units(settings) | render.schedule_units(settings, scheduled)
    for path, text in more.items():
        check = (
            f'sh -c {common.quoted_script("check-timer")} check-timer "$candidate"' if path.endswith(".timer") else ""
        )
        work.do(path.rpartition("/")[2], operations.file, path=path, text=text, check=check)
    if len(work.changed) > before:
        work.do("systemd reads the units", systemd.daemon_reload)


@dataclass(frozen=True)
class Task:
    """One task that ``activate`` has to do on a node, because configuration is installed but not loaded.

    + what: description for the operator
    + kind: the work of the task. ``units``: systemd reads its unit files. ``up``: start the color. ``nginx``: start or
      reload nginx of the node. ``listen``: nginx of the color loads the nginx settings that do not depend on a release,
      and listens on the color's port. ``restart``: restart the color. ``later``: do nothing now, because the color may
      serve users; the color reads its new configuration at its next start. ``widen``: admit addresses that are new in
      the firewall. Only plans have this task, which `firewall.widen` does. ``firewall``: load the firewall, or remove
      it. `firewall.load` does this task. ``give``: stop both colors, and give the files of the application to another
      web user. ``workers``: let the workers start at boot, and start the workers that the node had before its colors
      stopped. ``schedule``: start the timers of the schedules, now and at boot.
    + color: the color to act on; None for the whole node
    + disturbs: whether the task can fail requests, so that the node must be drained first
    + runs: whether nginx already runs, so that nginx is reloaded instead of started. Only tasks about nginx use this
      field.
    + former, web_user: the former owners and the new owner of the files; only for the task ``give``
    """

    what: str
    kind: Literal[
        "units", "nginx", "up", "listen", "restart", "later", "widen", "firewall", "give", "workers", "schedule"
    ]
    color: Color | None = None
    disturbs: bool = False
    runs: bool = False
    former: tuple[str, ...] = ()
    web_user: str = ""


@dataclass(frozen=True)
class Seen:
    """The state of a node's systemd units, and which of its services have loaded their present configuration.

    + units: name of each unit -> its state
    + current: path of each stamp -> whether the service has loaded its present configuration. A stamp is a file with
      the checksums of the configuration files that a service has loaded.
    + has_firewall: whether the firewall is up to date, as the fact `firewall.Fits` defines it; False if the firewall
      file is about to change
    + former: the web users whose files must be given to ``web_user``
    + web_user: the web user as whom the colors must run
    """

    units: Mapping[str, Unit]
    current: Mapping[str, bool]
    has_firewall: bool = True
    former: tuple[str, ...] = ()
    web_user: str = ""


def see(settings: Settings, changing: Sequence[str] = (), former: bool = False) -> Seen:
    """Return the state of the current node's units, and whether its services run with the present configuration.

    + changing: paths of files that are about to change. A service that has read such a file counts as out of date.
    + former: whether the files in place are older than the settings. Then only the main unit of each color counts,
      because a service of the settings may be new, and then has no unit among the former files.
    """
    stamps = [common.loaded(settings, "nginx")]
    stamps += [stamp(settings, color) for stamp in (render.stamp, render.nginx_loaded) for color in Color]
    names = [NGINX, *(settings.node.nginx(color) for color in Color), *(settings.node.target(color) for color in Color)]
    names += [unit for color in Color for unit in _members(settings, color, former)]
    names += [settings.node.workers_unit] if settings.workers and not former else []
    names += _timers(settings) if not former else []
    units, current = host.get_fact(Units, units=names), host.get_fact(Current, stamps=stamps, changing=changing)
    fits = host.get_fact(firewall.Fits, **firewall.kernel(settings))
    holding = web_user.look(settings)
    user = web_user.wanted(settings, holding, changing)
    return Seen(
        units, current, fits and render.firewall_file(settings) not in changing, holding.former(user), web_user=user
    )


def _members(settings: Settings, color: Color, former: bool = False) -> list[str]:
    """Return the names of a color's units, with the main unit first.

    + former: whether to return only the main unit
    """
    main = runtime_of(settings).main_unit(color)
    units = [settings.node.service_unit(color, service.name) for service in settings.services if not former]
    return list(dict.fromkeys([main, *units] if main else units))


def tasks(settings: Settings, seen: Seen, live: Color | None, former: bool = False) -> list[Task]:
    """Return the tasks that are left on a node, in the order in which they must be done. Pure.

    + seen: state of the node
    + live: the color that gets the fleet's traffic; None if unknown. A running color is restarted only if the other
      color is known to be live.
    + former: whether the files in place are older than the settings (see `see`)
    """
    found: list[Task] = []
    what = "FPM" if settings.runtime == "php" else runtime_of(settings).label
    if any(unit.stale for unit in seen.units.values()):
        found.append(Task("systemd reads the units", "units"))
    found += _gives(seen)
    seen = _after_gives(settings, seen, former)
    for color in Color:
        target, web = seen.units[settings.node.target(color)], seen.units[settings.node.nginx(color)]
        members = [seen.units[unit] for unit in _members(settings, color, former)]
        if not (target.active and target.enabled and web.active and all(member.active for member in members)):
            found.append(Task(f"{color} is up", "up", color))
    nginx = seen.units[NGINX]
    if not (nginx.active and nginx.enabled and seen.current[common.loaded(settings, "nginx")]):
        serves = any(isinstance(switch, NodeSwitch) for switch in settings.switches)
        # with an earlier version of this tool, nginx of the node also served the ports of the colors
        serves = serves or not all(seen.units[settings.node.nginx(color)].active for color in Color)
        found.append(
            Task(
                "nginx of the node with its new configuration",
                "nginx",
                disturbs=nginx.active and serves,
                runs=nginx.active,
            )
        )
    for color in Color:
        web, names = seen.units[settings.node.nginx(color)], _members(settings, color, former)
        if not (web.active and seen.current[render.nginx_loaded(settings, color)]):
            loads = f"{color}: nginx with the settings of the servers"
            found.append(Task(loads, "listen", color, disturbs=web.active, runs=web.active))
        if names and seen.units[names[0]].active and not seen.current[render.stamp(settings, color)]:
            if live is color.other:
                found.append(Task(f"{color}: {what} restarted, with its new configuration", "restart", color))
            else:
                found.append(Task(f"{color}: {what} reads its new configuration when it is idle", "later", color))
    found += _boots(settings, seen) + _ticks(settings, seen)
    if not seen.has_firewall:
        found.append(Task(firewall.summary(settings), "firewall"))
    return found


def _boots(settings: Settings, seen: Seen) -> list[Task]:
    """Return the task that lets the workers start at boot; [] if they do so, or if there are no workers."""
    boot = seen.units.get(settings.node.workers_unit)
    return [Task("workers start at boot", "workers")] if boot and not (boot.active and boot.enabled) else []


def _timers(settings: Settings) -> list[str]:
    """Return the names of the units of the schedules' timers, with their target first; [] if there are no schedules."""
    timers = [settings.node.schedule_unit(one.name, "timer") for one in settings.schedule]
    return [settings.node.schedule_target, *timers] if timers else []


def _ticks(settings: Settings, seen: Seen) -> list[Task]:
    """Return the task that starts the timers of the schedules; [] if they run, or if there are no schedules."""
    units = [seen.units[name] for name in _timers(settings) if name in seen.units]
    runs = all(unit.active for unit in units) and all(target.enabled for target in units[:1])
    return [] if runs else [Task("schedules run at their times", "schedule")]


def _gives(seen: Seen) -> list[Task]:
    """Return the task that gives the files of the application to the web user; [] if the web user has the files."""
    if not seen.former:
        return []
    what = f"the files of {' and '.join(seen.former)} belong to {seen.web_user}, and both colors stop meanwhile"
    return [Task(what, "give", disturbs=True, former=seen.former, web_user=seen.web_user)]


def _after_gives(settings: Settings, seen: Seen, former: bool) -> Seen:
    """Return the state of a node after the task ``give``, which leaves both colors stopped."""
    if not seen.former:
        return seen
    units = dict(seen.units)
    for color in Color:
        for name in (settings.node.target(color), settings.node.nginx(color), *_members(settings, color, former)):
            units[name] = replace(units[name], active=False)
    if (boot := settings.node.workers_unit) in units:
        units[boot] = replace(units[boot], active=False)
    return replace(seen, units=units)


def pending(settings: Settings, live: Color | None, changing: Sequence[str] = (), former: bool = False) -> list[Task]:
    """Return the tasks that ``activate`` has to do on the current node.

    + live: the color that gets the fleet's traffic; None if unknown
    + changing: paths of files that are about to change
    + former: whether the files in place are older than the settings (see `see`)
    """
    return tasks(settings, see(settings, changing, former), live, former)


def activate(settings: Settings, live: Color | None = None, former: bool = False) -> list[str]:
    """Load the installed configuration on the current node, except the firewall.

    If a program has already loaded its configuration, nothing happens to this program.

    The live color is restarted only by a task ``give``. Before this task, the node must get no requests. The idle color
    may be restarted, so it should have no requests in flight.

    Returns the names of the operations that changed something.

    + live: the color that gets the fleet's traffic; None if unknown. Then no running color is restarted.
    + former: whether the files in place are older than the settings (see `see`). Then this function does not wait until
      nginx listens, because the settings may have new ports.
    """
    work = Work()
    for task in pending(settings, live, former=former):
        if task.kind == "units":
            work.do(task.what, systemd.daemon_reload)
        elif task.kind in ("up", "restart") and task.color:
            work.do(
                task.what,
                operations.color_up,
                **_up(settings, task.color, "restart" if task.kind == "restart" else "start"),
            )
        elif task.kind in ("workers", "schedule"):
            unit = settings.node.workers_unit if task.kind == "workers" else settings.node.schedule_target
            enable = f"systemctl enable --quiet --now {unit}"
            work.do(task.what, server.shell, commands=[enable])
        elif task.kind == "give":
            web_user.give(work, task.what, settings, task.former, task.web_user)
        elif task.kind == "listen" and task.color:
            work.do(
                task.what,
                operations.color_listens,
                only=render.socket_only(settings, task.color),
                nginx=settings.node.nginx(task.color),
                stamp=render.nginx_loaded(settings, task.color),
                port=None if former else settings.ports.of(task.color),
            )
        elif task.kind == "nginx":
            verb = "reload" if task.runs else "start"
            work.do(
                task.what,
                operations.load,
                command=f"systemctl enable --quiet {NGINX} && systemctl {verb} {NGINX}",
                process="nginx",
                ports=[] if former else [settings.ports.live],
                files=[render.nginx_conf(settings)],
                stamp=common.loaded(settings, "nginx"),
            )
    return work.changed


def _up(settings: Settings, color: Color, verb: str) -> dict[str, object]:
    """Return the arguments of the operation ``color_up``, which starts or restarts a color.

    + verb: ``start`` or ``restart``
    """
    target, main = settings.node.target(color), runtime_of(settings).main_unit(color)
    return {
        "target": target,
        "verb": verb,
        "nginx": settings.node.nginx(color),
        "port": settings.ports.of(color),
        "only": render.socket_only(settings, color),
        "said": main or settings.node.nginx(color),
    }

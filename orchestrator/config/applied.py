"""The keys of the settings that provisioning applies when it sets up a host. Each run applies the other keys.

On each host, provisioning writes a file with digests. For each key, the file has the digest of the value that
provisioning applied on this host. A later run compares these digests with the digests of the present settings. If a
digest differs, provisioning must apply the key before the run. All functions are pure.

If you make provisioning render or install something from a key of the settings, add the key to `KEYS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Literal

from pydantic import BaseModel

from orchestrator.config.gate import Gate
from orchestrator.config.maintenance import Maintenance
from orchestrator.config.permissions import Permissions
from orchestrator.config.php import Php
from orchestrator.config.settings import Settings
from orchestrator.config.source import GitSource, Tarball
from orchestrator.config.switch import BalancerSwitch, NodeSwitch
from orchestrator.config.web import Web
from orchestrator.layout import HEALTH
from orchestrator.model import Color

NODE, HAPROXY, NGINX = "node", "haproxy", "nginx"
BALANCERS = (HAPROXY, NGINX)
ALL = (NODE, *BALANCERS)

VERSION = "orchestrator"
"""The first word of the line that names the version of this tool.

The line is in the file of digests that provisioning writes on each host.
"""

UNFINISHED = "unfinished"
"""The only key in a host's file of digests while provisioning changes the host.

If provisioning fails, this key stays in the file.
"""

HEALTH_PAGE = "health_page"
"""A key in the file of digests that is not a setting. The key is missing if an earlier version provisioned the host.

On a node, the key says that each color has its own nginx. On an HAProxy balancer, the key says that HAProxy requests
the health page from each color's nginx.
"""

Class = Literal["servers", "release", "release, servers"]
"""Which commands apply a key of the settings.

* ``servers``: provisioning applies the key. Runs may also read the key.
* ``release``: each run applies the key.
* ``release, servers``: each run applies the key on the nodes, and provisioning applies the key for new instances of an
  Auto Scaling group (setting ``scaling.hook``).
"""

Value = Callable[[Settings, BalancerSwitch | None], object]
"""A function that returns the value of a key on a host.

The arguments of the function are the settings and the switch of the host. For a node, the switch is None.
"""


@dataclass(frozen=True)
class Key:
    """A key of the settings that provisioning applies.

    + name: the key, such as ``php.ini``. The name of a section stands for all keys of the section. A key of the host's
      switch begins with ``switches.``
    + hosts: the kinds of hosts on which the key has an effect: ``node``, ``haproxy``, ``nginx``
    + value: a function that returns the key's value on a host. If the value is empty, 0, False or None, provisioning
      does nothing for the key.
    + new_instances: whether provisioning applies the key only for new instances of an Auto Scaling group
    + stays: whether a host may still have the result of provisioning after the key was removed from the settings
    """

    name: str
    hosts: tuple[str, ...]
    value: Value
    new_instances: bool = False
    stays: bool = False


def _key(name: str, *hosts: str, when: Callable[[Settings], object] = lambda settings: True) -> Key:
    """Return a key whose value is the value of the same name in the settings.

    + hosts: the kinds of hosts on which the key has an effect
    + when: a function that returns whether the key has an effect with these settings. If the result is false, the value
      of the key is None.
    """
    read = attrgetter(name)
    return Key(name, hosts, lambda settings, switch: read(settings) if when(settings) else None)


def _php(name: str) -> Key:
    return _key(f"php.{name}", NODE, when=_is_php)


def _preview(name: str) -> Key:
    return _key(f"preview.{name}", *BALANCERS, when=lambda settings: settings.preview_token)


def _maintenance(name: str) -> Key:
    return _key(f"maintenance.{name}", *BALANCERS, when=lambda settings: settings.maintenance)


def _can_hold(settings: Settings, switch: BalancerSwitch | None) -> object:
    return settings.maintenance is not None and settings.maintenance.hold is not None


def _switch(name: str, *hosts: str) -> Key:
    read = attrgetter(name)
    return Key(f"switches.{name}", hosts, lambda settings, switch: read(switch))


def _instance(name: str, when: Callable[[Settings], object] = lambda settings: True) -> Key:
    """Return a key whose value provisioning writes into ``catch-up``, or into a script that ``catch-up`` calls.

    New instances of an Auto Scaling group run the script ``catch-up`` to get ready for traffic.

    + when: a function that returns whether the key has an effect with these settings. If the result is false, the value
      of the key is None.
    """
    return replace(_key(name, NODE, when=when), new_instances=True)


def _is_php(settings: Settings) -> bool:
    return settings.runtime == "php"


def _build(name: str) -> Key:
    read = attrgetter(name)
    return Key(
        f"build.{name}", (NODE,), lambda settings, switch: [read(step) for step in settings.build], new_instances=True
    )


def _web_steps(settings: Settings, switch: BalancerSwitch | None) -> object:
    return [step.name for step in settings.build if step.user == "web"]


def _has_web_steps(settings: Settings, switch: BalancerSwitch | None) -> object:
    return bool(_web_steps(settings, switch))


def _has_web_hooks(settings: Settings, switch: BalancerSwitch | None) -> object:
    return any(hook.user == "web" for hook in settings.hooks)


def _has_web_tasks(settings: Settings, switch: BalancerSwitch | None) -> object:
    return any(task.user == "web" for task in settings.tasks.values())


def _has_web_database(settings: Settings, switch: BalancerSwitch | None) -> object:
    return settings.database is not None and settings.database.as_web


def _web_databases(settings: Settings, switch: BalancerSwitch | None) -> object:
    return any(one.as_web for one in settings.databases.values())


def _of_git(name: str) -> Callable[[Settings], Any]:
    read = attrgetter(name)
    return lambda settings: read(settings.source) if isinstance(settings.source, GitSource) else None


def _origin_file(name: str) -> Key:
    path = _of_git(name)
    return Key(f"source.{name}", (NODE,), lambda settings, switch: _file_name(path(settings) or ""), stays=True)


def _file_name(path: str) -> str:
    """Return the name of a file on the operator's machine, without the directory.

    The digest covers only the name, because two operators may keep the file in different directories.
    """
    return path.rpartition("/")[2]


def _tarball(name: str) -> Key:
    def value(settings: Settings, switch: BalancerSwitch | None) -> object:
        source = settings.source
        return isinstance(source, Tarball) and source.needs_unpackers and getattr(source, name, None) is not None

    return Key(f"source.{name}", (NODE,), value, stays=True)


def _service(name: str) -> Key:
    read = attrgetter(name)
    return Key(f"services.{name}", (NODE,), lambda settings, switch: [read(service) for service in settings.services])


def _worker(name: str) -> Key:
    read = attrgetter(name)
    return Key(f"workers.{name}", (NODE,), lambda settings, switch: [read(worker) for worker in settings.workers])


def _schedule(name: str) -> Key:
    read = attrgetter(name)
    return Key(f"schedule.{name}", (NODE,), lambda settings, switch: [read(one) for one in settings.schedule])


def _worker_kills(settings: Settings, switch: BalancerSwitch | None) -> object:
    # with the other values, the unit of the worker has no limit
    return [worker.over == "kill" for worker in settings.workers]


def _worker_ends(settings: Settings, switch: BalancerSwitch | None) -> object:
    # only with `kill`, the unit of the worker has this limit
    return [worker.finish for worker in settings.workers if worker.over == "kill"]


def _service_port(color: Color) -> Key:
    def value(settings: Settings, switch: BalancerSwitch | None) -> object:
        return [service.ports.of(color) for service in settings.services if service.ports]

    return Key(f"services.ports.{color}", (NODE,), value)


def _service_paths(settings: Settings, switch: BalancerSwitch | None) -> object:
    return sorted(service.path for service in settings.services)


def _service_commands(settings: Settings, switch: BalancerSwitch | None) -> object:
    return [service.command for service in settings.services]


def _service_files(settings: Settings, switch: BalancerSwitch | None) -> object:
    # the key has an effect only for the service with the path `/`
    return [service.files for service in settings.services if service.path == "/"]


def _stream_limit(settings: Settings, switch: BalancerSwitch | None) -> object:
    # HAProxy uses the limit for all tunnels, even if the settings have no services
    return settings.stream_limit if settings.services or (switch and switch.kind == HAPROXY) else None


KEYS: tuple[Key, ...] = (
    _key("app", *ALL),
    _key("deployment", *ALL),
    Key("root", (NODE,), lambda settings, switch: settings.node.root),
    _key("first_color", *ALL),
    _key("user", *ALL),
    _key("web_user", NODE),
    Key(
        "authorized_keys",
        ALL,
        lambda settings, switch: sorted(map(_file_name, settings.authorized_keys)),
        stays=True,
    ),
    Key("packages", (NODE,), lambda settings, switch: sorted(set(settings.packages)), stays=True),
    _key("ports.live", NODE),
    _key("ports.blue", *ALL),
    _key("ports.green", *ALL),
    Key("firewall.enabled", (NODE,), lambda settings, switch: settings.has_firewall),
    Key(
        "firewall.allow",
        (NODE,),
        lambda settings, switch: settings.has_firewall and sorted(settings.firewall.allow),
    ),
    _key("runtime", NODE),
    _php("version"),
    Key("php.idle_workers", (NODE,), lambda settings, switch: settings.shrinks),
    _key("soak", NODE, when=lambda settings: settings.shrinks),
    Key("php.sessions", (NODE,), lambda settings, switch: settings.shared_sessions),
    *(_service(name) for name in ("name", "path")),
    *(_service_port(color) for color in Color),
    Key("services.path", BALANCERS, _service_paths),
    *(_worker(name) for name in ("name", "user", "stop_signal", "memory_mb", "cpu")),
    *(_schedule(name) for name in ("name", "every", "on", "user", "limit")),
    Key("workers.over", (NODE,), _worker_kills),
    Key("workers.finish", (NODE,), _worker_ends),
    Key("stream_limit", BALANCERS, _stream_limit),
    _key("web.trusted_proxies", NODE),
    _key("web.max_body", NGINX),
    _key("shared.directories", NODE),
    _key("environment.path", NODE, when=lambda settings: settings.environment),
    Key("environment.owner", (NODE,), lambda settings, switch: settings.environment and settings.environment_owner),
    _key("permissions.group", NODE),
    Key("build.user", (NODE,), _has_web_steps, stays=True),
    Key("hooks.user", (NODE,), _has_web_hooks, stays=True),
    Key("tasks.user", (NODE,), _has_web_tasks, stays=True),
    Key("database.user", (NODE,), _has_web_database, stays=True),
    Key("databases.user", (NODE,), _web_databases, stays=True),
    _key("marker.answers", NODE),
    Key("marker.token", (NODE,), lambda settings, switch: settings.token if settings.marker.answers == "probe" else ""),
    Key("preview.token", BALANCERS, lambda settings, switch: settings.preview_token),
    _preview("header"),
    _preview("cookie"),
    _preview("port"),
    _key("preview.bind", *BALANCERS, when=lambda settings: settings.preview_token and settings.preview.port),
    *(_maintenance(name) for name in Maintenance.model_fields if name not in ("token", "hold", "releases")),
    # a balancer gets the length of a hold only when the hold begins
    Key("maintenance.hold", BALANCERS, _can_hold),
    Key("maintenance.token", BALANCERS, lambda settings, switch: settings.maintenance_token),
    # the requests of the probe pass the page by this token
    Key("marker.token", BALANCERS, lambda settings, switch: settings.token if settings.maintenance else ""),
    Key(HEALTH_PAGE, (NODE, HAPROXY), lambda settings, switch: HEALTH),
    _origin_file("known_hosts"),
    _origin_file("key"),
    Key("source.lfs", (NODE,), lambda settings, switch: _of_git("lfs")(settings), stays=True),
    _tarball("url"),
    _tarball("file"),
    Key(
        "switches.kind",
        (NODE,),
        lambda settings, switch: any(isinstance(each, NodeSwitch) for each in settings.switches),
        stays=True,
    ),
    _switch("listen", *BALANCERS),
    _switch("tls", *BALANCERS),
    _switch("sticky", *BALANCERS),
    _switch("split", *BALANCERS),
    _switch("split_cookie", *BALANCERS),
    _switch("record_mb", *BALANCERS),
    _switch("log", HAPROXY),
    _switch("access_log", NGINX),
    _key("scaling.hook", NODE, when=lambda settings: settings.scaling),
    _instance("scaling.group"),
    _instance("scaling.live"),
    Key("source.origin", (NODE,), lambda settings, switch: _of_git("address")(settings), new_instances=True),
    Key("source.submodules", (NODE,), lambda settings, switch: _of_git("submodules")(settings), new_instances=True),
    Key("source.leave_out", (NODE,), lambda settings, switch: _of_git("leave_out")(settings), new_instances=True),
    _instance("shared.files"),
    _instance("shared.seed"),
    *(_build(name) for name in ("name", "run", "when", "inputs", "listed", "outputs", "deadline")),
    Key("build.user", (NODE,), _web_steps, new_instances=True, stays=True),
    *(_instance(f"permissions.{name}") for name in Permissions.model_fields),
    _instance("warm"),
    _instance("php.public"),
    *(_instance(f"php.{name}", _is_php) for name in Php.model_fields if name not in ("public", "sessions", "opcache")),
    *(_instance(f"web.{name}") for name in Web.model_fields if name != "trusted_proxies"),
    *(_instance(name) for name in ("assets", "shared.directories")),
    _instance("stream_limit", lambda settings: settings.services),
    Key("services.command", (NODE,), _service_commands, new_instances=True),
    Key("services.files", (NODE,), _service_files, new_instances=True),
    *(replace(_worker(name), new_instances=True) for name in ("command", "count")),
    replace(_schedule("command"), new_instances=True),
    *(_instance(f"gate.{name}") for name in Gate.model_fields),
    *(
        _instance(f"deadlines.{name}")
        for name in ("environment", "fetch", "share", "permit", "start", "warm", "promote")
    ),
)
"""All keys of the settings that provisioning applies.

If provisioning makes several things from a key, the tuple lists the key several times.
"""


def class_of(name: str) -> Class:
    """Return which commands apply a key: one of the values of `Class`.

    + name: name of the key with its sections, such as ``switches.tls.listen``. The name does not contain the kind of a
      switch or source, such as ``haproxy``.
    """
    found = [key for key in KEYS if name == key.name or name.startswith(f"{key.name}.")]
    if not found:
        return "release"
    return "release, servers" if all(key.new_instances for key in found) else "servers"


def stays(name: str) -> bool:
    """Return whether a host may still have the result of provisioning after a key was removed from the settings.

    + name: name of the key in the result of ``digests``
    """
    found = [key for key in KEYS if key.name == name]
    return bool(found) and all(key.stays for key in found)


def digests(settings: Settings, switch: BalancerSwitch | None = None) -> dict[str, str]:
    """Return the digests that provisioning writes on a host: key -> digest of the value.

    The result has only keys for which provisioning does something on this kind of host. The values may be secret.
    Therefore provisioning writes only the digests of the values.

    + switch: the switch of a balancer; None for a node
    """
    kind = switch.kind if switch else NODE
    grows = settings.scaling is not None and settings.scaling.hook is not None
    values: dict[str, list[object]] = {}
    for key in KEYS:
        if kind in key.hosts and (grows or not key.new_instances) and (value := key.value(settings, switch)):
            name = key.name.replace("switches.", f"switches.{kind}.") if switch else key.name
            values.setdefault(name, []).append(value)
    return {name: _digest(name, found) for name, found in values.items()}


def _digest(name: str, values: list[object]) -> str:
    text = json.dumps([name, values], sort_keys=True, default=_as_json)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _as_json(value: object) -> object:
    assert isinstance(value, BaseModel), value
    return value.model_dump(mode="json")


def text(version: str, found: Mapping[str, str]) -> str:
    """Return the text of the file of digests. Provisioning writes this file on a host at the end of its changes.

    + version: version of this tool
    + found: key -> digest of the value that provisioning has applied on the host
    """
    lines = [f"{name} {digest}" for name, digest in sorted(found.items())]
    notice = "# Written by provisioning: digests of the settings that it applied."
    return "\n".join([notice, f"{VERSION} {version}", *lines, ""])


def unfinished(version: str) -> str:
    """Return the text that the file of digests has while provisioning changes a host.

    + version: version of this tool
    """
    return f"# Provisioning is at work, or did not end.\n{UNFINISHED} {version}\n"

"""Each key of the settings is applied by the command that its class names: proved by what provisioning would install.

For settings of many kinds (`BASES`), each key is changed to another valid value (`CHANGED`). What provisioning would do
on a node or balancer differs if and only if the digests differ that provisioning leaves there.
"""

from __future__ import annotations

import copy
import hashlib
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pyinfra.context import ctx_host

from orchestrator import __version__
from orchestrator.config import Settings, load
from orchestrator.config.applied import class_of, digests, stays, text, unfinished
from orchestrator.config.limits import Deadlines
from orchestrator.config.settings import KINDS, section_in
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import UsageError
from orchestrator.provision import applied, haproxy, nginx_balancer, node
from orchestrator.provision.facts import Account, Entry
from orchestrator.provision.web_user import Holding
from orchestrator.provision.work import Work
from orchestrator.scripts.command import digests as said_digests
from orchestrator.scripts.command import pairs
from orchestrator.scripts.files import assign, read
from orchestrator.stack.files import files

Raw = dict[str, Any]

HAPROXY: Raw = {"kind": "haproxy", "group": "lb1", "urls": ["http://127.0.0.1"]}
NGINX: Raw = {"kind": "nginx", "group": "lb2", "urls": ["http://127.0.0.1"]}
MORE: Raw = {
    "tls": {"certificate": "/etc/tls/a.pem", "key": "/etc/tls/a.key", "redirect": True},
    "sticky": {"cookie": "SRV"},
    "split": "client",
    "split_cookie": "SID",
}
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
ALB: Raw = {
    "kind": "alb",
    "urls": ["https://127.0.0.1"],
    "rule": f"{ARN}listener-rule/app/shop/1/2/3",
    "blue": f"{ARN}targetgroup/blue/1",
    "green": f"{ARN}targetgroup/green/1",
}
BUILD = {
    "name": "assets",
    "run": "make",
    "when": "true",
    "inputs": ["src"],
    "listed": ["a"],
    "outputs": ["public/build"],
}
SCALING = {"group": "shop", "live": "s3://deploys/live.json"}
GIT = {"origin": "git@origin:shop.git"}

BASES: dict[str, Raw] = {
    "plain": {},
    "full": {
        "source": {**GIT, "key": "key", "known_hosts": "hosts"},
        "switches": [{**HAPROXY, **MORE}, {**NGINX, **MORE}],
        "authorized_keys": ["ann.pub"],
        "firewall": {"enabled": True},
        "php": {"idle_workers": 4, "scripts": True, "public": ".", "preload": "preload.php", "ini": {"a": "1"}},
        "services": [{"name": "ws", "command": "bin/ws", "path": "/ws"}],
        "workers": [{"name": "queue", "command": "bin/queue", "over": "kill"}],
        "schedule": [{"name": "tick", "command": "bin/tick"}],
        "shared": {"directories": ["storage"], "files": ["local.php"]},
        "environment": {"file": "env"},
        "permissions": {"group": "shop-web", "writable": ["cache"], "private": ["cached.php"]},
        "marker": {"answers": "probe", "token": "probe-token"},
        "preview": {"token": "preview-token-17", "port": 8090},
        "maintenance": {"token": "testers-token-17", "hold": 5},
        "assets": ["build"],
        "build": [{**BUILD, "on": "nodes"}],
        "hooks": [{"before": "start", "run": "true"}],
        "database": {
            "user": "deploy",
            "url": "env:DATABASE_URL",
            "migrate": {"expand": "true", "redirect": {"DB_DATABASE": "{database}"}},
        },
        "databases": {
            "stats": {
                "user": "deploy",
                "url": "env:STATS_URL",
                "migrate": {"expand": "true", "redirect": {"DB_DATABASE": "{database}"}},
            }
        },
        "tasks": {"clear": {"run": "true"}},
        "notifications": [{"url": "json://example.org"}],
        "cutover": [{"weight": 5, "bake": 1}, {"weight": 100}],
    },
    "service": {
        "runtime": "service",
        "services": [{"name": "web", "command": "bin/serve", "path": "/", "ports": {"blue": 9001, "green": 9002}}],
        "preview": {"token": "preview-token-17"},
        "environment": {"owner": "deploy"},
    },
    "static": {
        "runtime": "static",
        "shared": {"directories": ["public/files"]},
        "build": [{"name": "migrate", "run": "make migrate"}],
        "database": {"url": "env:DATABASE_URL", "files": "db"},
        "databases": {"stats": {"url": "env:STATS_URL", "files": "stats"}},
    },
    "node": {"switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}], "php": {"sessions": "php"}},
    "alb": {"switches": [ALB], "scaling": SCALING, "journal": {"kind": "s3", "bucket": "deploys"}},
    "new instances": {
        "scaling": {**SCALING, "hook": "catch-up"},
        "build": [BUILD],
        "shared": {"directories": ["storage"], "files": ["local.php"], "seed": ["storage"]},
        "permissions": {"group": "shop-web", "writable": ["cache"], "files": "640"},
        "php": {"scripts": True},
        "workers": [{"name": "queue", "command": "bin/queue"}],
        "schedule": [{"name": "tick", "command": "bin/tick"}],
        "assets": ["build"],
    },
    "new instances of a service": {
        "scaling": {**SCALING, "hook": "catch-up"},
        "runtime": "service",
        "services": [{"name": "web", "command": "bin/serve", "path": "/"}],
        "permissions": {"writable": ["cache"]},
        "build": [{"name": "migrate", "run": "make migrate"}],
    },
    "archive": {"switches": [ALB], "source": {"kind": "archive", "url": "https://files.test/shop-{ref}.tar.xz"}},
    "archive of gzip": {
        "switches": [ALB],
        "source": {"kind": "archive", "url": "https://files.test/shop-{ref}.tar.gz?a=b.xz"},
    },
    "pushed archive": {"switches": [ALB], "source": {"kind": "archive", "file": "/builds/shop-{ref}.tar.zst"}},
    "artifact": {"switches": [ALB], "source": {"kind": "artifact", "url": "https://files.test/shop-{ref}.tar"}},
    "pushed artifact": {
        "switches": [ALB],
        "source": {"kind": "artifact", "checkout": "/work/shop"},
        "build": [{**BUILD, "on": "operator"}],
    },
    "directory": {"switches": [ALB], "source": {"kind": "directory", "path": "/work/shop"}},
}

CHANGED: dict[str, list[Any]] = {
    "app": ["other"],
    "deployment": ["staging"],
    "root": ["/data/shop"],
    "nodes": ["web"],
    "first_color": ["green"],
    "user": ["releaser"],
    "web_user": ["http"],
    "packages": [["imagemagick"]],
    "authorized_keys": [["bob.pub"]],
    "runtime": ["static", "php"],
    "soak": [7200],
    "stream_limit": [60],
    "assets": [["dist"]],
    "warm": [["/other"]],
    "batches": [[1, "100%"]],
    "keep": [7],
    "source.origin": ["git@origin:other.git"],
    "source.ref": ["other"],
    "source.submodules": [True],
    "source.lfs": [True],
    "source.known_hosts": ["other_hosts"],
    "source.key": ["other_key"],
    "source.leave_out": [["docs"]],
    "source.region": ["eu-west-1"],
    "source.profile": ["other"],
    "source.endpoint_url": ["http://s3.test"],
    "source.url": ["https://files.test/other.tar.gz", "https://files.test/other.tar.xz"],
    "source.sha256": ["0" * 64],
    "source.strip": [1],
    "source.file": ["/builds/other.tar.gz"],
    "source.checkout": ["/work/other"],
    "source.path": ["/work/other"],
    "source.exclude": [["docs"]],
    "switches.urls": [["http://127.0.0.2"]],
    "switches.quiet": [9],
    "switches.group": ["lb9"],
    "switches.listen": [8000],
    "switches.tls.listen": [8443],
    "switches.tls.certificate": ["/etc/tls/b.pem"],
    "switches.tls.key": ["/etc/tls/b.key"],
    "switches.tls.http2": [False],
    "switches.tls.redirect": [False],
    "switches.sticky.cookie": ["NODE"],
    "switches.split": ["client", "request"],
    "switches.split_cookie": ["CLIENT"],
    "switches.record_mb": [32],
    "switches.log": ["/dev/log local1"],
    "switches.access_log": ["off"],
    "switches.lead": [5],
    "switches.window": [1],
    "switches.clocks": [1],
    "switches.region": ["eu-central-1"],
    "switches.profile": ["other"],
    "switches.endpoint_url": ["http://elb.test"],
    "switches.name": ["other"],
    "switches.rule": [f"{ARN}listener-rule/app/shop/1/2/4"],
    "switches.blue": [f"{ARN}targetgroup/blue/2"],
    "switches.green": [f"{ARN}targetgroup/green/2"],
    "ports.live": [9080],
    "firewall.enabled": [True, False],
    "firewall.allow": [["10.0.0.7"]],
    "ports.blue": [9081],
    "ports.green": [9082],
    "php.version": ["8.3"],
    "php.public": ["web"],
    "php.front": ["app.php"],
    "php.scripts": [True, False],
    "php.fallback": [False],
    "php.workers": [32],
    "php.idle_workers": [2],
    "php.request_limit": [30],
    "php.sessions": ["php", "shared"],
    "php.compile": [["app"]],
    "php.compile_exclude": [["tests/*"]],
    "php.preload": ["other.php"],
    "php.opcache": ["warn"],
    "php.ini": [{"memory_limit": "1G"}],
    "services.name": ["other"],
    "services.command": ["bin/other"],
    "services.path": ["/other"],
    "services.files": [False],
    "services.ports.blue": [9003],
    "services.ports.green": [9004],
    "workers.name": ["other"],
    "workers.command": ["bin/other"],
    "workers.count": [2],
    "workers.user": ["deploy"],
    "workers.start": ["before"],
    "workers.share": ["first"],
    "workers.survive": [9],
    "workers.stop_signal": ["SIGQUIT"],
    "workers.finish": [9],
    "workers.over": ["wait", "kill"],
    "workers.memory_mb": [512],
    "workers.cpu": [50],
    "schedule.name": ["other"],
    "schedule.command": ["bin/other"],
    "schedule.every": ["*:0/5"],
    "schedule.on": ["each"],
    "schedule.user": ["deploy"],
    "schedule.limit": [60],
    "web.serve": [["files"]],
    "web.deny": [["*.sql"]],
    "web.max_body": ["1m"],
    "web.headers": [{"X-Frame-Options": "DENY"}],
    "web.cache": [60],
    "web.include": ["nginx.conf"],
    "web.gzip": [True],
    "web.redirects": [{"/old": "/new"}],
    "web.trusted_proxies": [["10.0.0.0/8"]],
    "shared.directories": [["storage", "uploads"]],
    "shared.files": [["public/other.php"], ["other.php"]],
    "shared.seed": [[]],
    "environment.path": ["config/.env"],
    "environment.owner": ["clerk"],
    "environment.file": ["other"],
    "environment.keys": [["A"]],
    "environment.commands": [{"A": "true"}],
    "environment.values": [{"A": "secret"}],
    "environment.deadline": [5],
    "build.name": ["other"],
    "build.run": ["make other"],
    "build.on": ["nodes"],
    "build.user": ["web"],
    "build.when": ["false"],
    "build.inputs": [["src2"]],
    "build.listed": [["b"]],
    "build.outputs": [["public/other"]],
    "build.deadline": [5],
    "permissions.group": ["games"],
    "permissions.files": ["644"],
    "permissions.directories": ["755"],
    "permissions.modes": [{"a": "640"}],
    "permissions.private": [["secret.php"]],
    "permissions.writable": [["var"], ["public/var"]],
    "marker.answers": ["probe", "all"],
    "marker.token": ["other-token"],
    "maintenance.page": ["<p>later</p>"],
    "maintenance.retry_after": [60],
    "maintenance.token": ["other-testers-token"],
    "maintenance.header": ["X-Tester"],
    "maintenance.cookie": ["tester"],
    "maintenance.addresses": [["10.0.0.9"]],
    "maintenance.hold": [None],
    "maintenance.releases": ["page"],
    "preview.token": ["other-preview-token"],
    "preview.header": ["X-Look"],
    "preview.cookie": ["look"],
    "preview.port": [8091],
    "preview.bind": ["127.0.0.2"],
    "gate.path": ["/other"],
    "gate.host": ["shop.test"],
    "gate.https": [True],
    "gate.successes": [4],
    "gate.interval": [1],
    "gate.deadline": [60],
    "probe.proof": ["strict"],
    "probe.enabled": [False],
    "probe.paths": [["/other"]],
    "probe.rate": [5],
    "probe.connections": [2],
    "probe.after": [2],
    "probe.answers": [30],
    "probe.proof_rate": [50],
    "probe.timeout": [5],
    "probe.host": ["shop.test"],
    "probe.ca": ["ca.pem"],
    "probe.http2": [True],
    "cutover.weight": [6, 100],
    "cutover.bake": [9],
    "comparison.enabled": [False],
    "comparison.window": [9],
    "comparison.min_requests": [99],
    "comparison.significance": [0.01],
    "comparison.errors": [1],
    "comparison.slower": [2],
    "comparison.slower_ms": [20],
    "comparison.tail": [2],
    "comparison.on_inconclusive": ["go on"],
    "comparison.on_error": ["go on"],
    "drain.limit": [9],
    "drain.at_limit": ["refuse"],
    "hooks.before": ["gate"],
    "hooks.on": ["operator"],
    "hooks.user": ["web"],
    "tasks.run": ["false"],
    "tasks.on": ["first"],
    "tasks.user": ["web"],
    "tasks.confirm": [True],
    "tasks.deadline": [9],
    "hooks.verbs": [["join"]],
    "hooks.advisory": [True],
    "database.url": ["env:DATABASE_URL", "env:OTHER_URL"],
    "database.files": ["sql"],
    "database.shadow": ["env:SHADOW_URL"],
    "database.pending": ["defer"],
    "database.backfill": [True],
    "database.migrate.expand": ["false"],
    "database.migrate.check": ["true"],
    "database.migrate.contract": ["true"],
    "database.migrate.redirect": [{"DATABASE_URL": "{url}"}],
    "database.migrate.ledger": [["versions"]],
    "database.user": ["web"],
    "database.deadline": [9],
    "hooks.run": ["false"],
    "hooks.undo": ["true"],
    "hooks.deadline": [9],
    "notifications.url": ["json://example.com"],
    "notifications.on": [["failed"]],
    "journal.host": ["node1"],
    "journal.bucket": ["other"],
    "journal.prefix": ["other"],
    "journal.region": ["eu-west-1"],
    "journal.profile": ["other"],
    "journal.endpoint_url": ["http://s3.test"],
    "scaling.group": ["other"],
    "scaling.suspend": [False],
    "scaling.live": ["s3://deploys/other.json"],
    "scaling.hook": ["other"],
    "scaling.region": ["eu-west-1"],
    "scaling.profile": ["other"],
    "scaling.endpoint_url": ["http://asg.test"],
    "room.disk_mb": [9],
    "room.inodes": [9],
    "room.memory_mb": [9],
    **{f"deadlines.{name}": [7] for name in Deadlines.model_fields},
}
CHANGED |= {
    f"databases.{key.removeprefix('database.')}": CHANGED[key] for key in CHANGED if key.startswith("database.")
}
"""Key -> other valid values. In a base, the first value is used that is valid there and differs from the base's."""

CHOICES = {"recipe", "source.kind", "switches.kind", "journal.kind", "hooks.after", "hooks.task"}
"""Keys that choose which other keys there are, or their values. The keys that they choose are tested by themselves."""

OPTIONAL: dict[str, Raw] = {
    "environment": {"environment": {}},
    "tasks": {"tasks": {"clear": {"run": "true"}}},
    "database": {"database": {"user": "deploy", "migrate": {"expand": "true"}}},
    "databases": {"databases": {"stats": {"user": "deploy", "migrate": {"expand": "true"}}}},
    "scaling": {"scaling": {"group": "shop"}},
    "maintenance": {"maintenance": {}, "marker": {"answers": "all", "token": "probe-token"}},
    "tls": {"switches": [{**HAPROXY, "tls": {"certificate": "/a.pem"}}, {**NGINX, "tls": {"certificate": "/a.pem"}}]},
    "sticky": {"switches": [{**HAPROXY, "sticky": {"cookie": "SRV"}}, {**NGINX, "sticky": {"cookie": "SRV"}}]},
}
"""Section that may be missing -> settings that have it."""

NAMED = {"tasks": "clear", "databases": "stats"}
"""Section that has sections by name -> the name in these tests."""

FILES = ("key", "hosts", "other_key", "other_hosts", "ann.pub", "bob.pub")


def leaves(section: type[BaseModel] = Settings, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of each key that holds no section. The kind follows a switch or source: ``switches:nginx``."""
    for key, about in section.model_fields.items():
        found = section_in(about.annotation)
        if found is None:
            yield (*path, key)
        elif found in KINDS:
            for kind, inner in KINDS[found].items():
                yield from leaves(inner, *path, f"{key}:{kind}")
        else:
            yield from leaves(found, *path, key)


def name_of(path: tuple[str, ...]) -> str:
    return ".".join(part.partition(":")[0] for part in path)


LEAVES = [path for path in leaves() if name_of(path) not in CHOICES]


def raw_of(base: str) -> Raw:
    raw = {"app": "shop", "source": GIT, "switches": [HAPROXY, NGINX], "marker": {"answers": "all"}, **BASES[base]}
    return copy.deepcopy(raw)


def section_at(raw: Raw, path: tuple[str, ...]) -> Raw | None:
    """The section that has the key at a path; None if these settings have no such section."""
    here: Any = raw
    for part in path[:-1]:
        key, _, kind = part.partition(":")
        # `ports` is a section of every application, and a section that a service may have
        if key not in here and (key in OPTIONAL or (key == "ports" and len(path) > 2)):
            return None
        here = here.setdefault(key, {})
        # the sections `tasks` and `databases` have a section for each name
        here = here[NAMED[key]] if key in NAMED else here
        items = here if isinstance(here, list) else [here]
        here = next((item for item in items if not kind or item.get("kind", "git") == kind), None)
        if here is None:
            return None
    return here  # type: ignore[no-any-return]


def changed(raw: Raw, path: tuple[str, ...]) -> Settings | None:
    """The settings with another value at a path; None if no other value is valid there."""
    for value in CHANGED[name_of(path)]:
        made = copy.deepcopy(raw)
        section = section_at(made, path)
        if section is None:
            return None
        if section.get(path[-1]) == value:
            continue
        section[path[-1]] = value
        with suppress(UsageError):
            return load(made)
    return None


class Host:
    """A host that has nothing but its users."""

    name = "node1"
    entry: Entry | None = None

    def get_fact(self, fact: type, **arguments: Any) -> Any:
        answers: dict[str, Callable[[], Any]] = {
            "MissingPackages": lambda: list(arguments["packages"]),
            "Accounts": lambda: {user: Account(f"/home/{user}", f"of-{user}") for user in arguments["users"]},
            "Text": lambda: "",
            "HAProxyVersion": lambda: (2, 6),
            "Unconfigured": list,  # only releases of an earlier version, and they have their own settings
            "ReleasedServices": list,
            "ReleasedSchedules": list,
            "WorkerUnits": list,
            "Holds": Holding,
            "Entries": lambda: dict.fromkeys(arguments["paths"], self.entry),
        }
        return answers[fact.__name__]()


NODES = {"node1": "10.0.0.1", "node2": "10.0.0.2"}


def switches(settings: Settings) -> dict[str, BalancerSwitch | None]:
    """The kinds of hosts of a fleet with these settings: kind -> switch, None for a node."""
    return {"node": None, **{one.kind: one for one in settings.switches if isinstance(one, BalancerSwitch)}}


def installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Kind of host -> all that provisioning would do on such a host: each operation with its arguments."""
    done: list[str] = []

    def do(self: Work, what: str, operation: Any, **arguments: Any) -> bool:
        done.append(repr((what, operation.__name__, sorted(arguments.items()))))
        return True

    monkeypatch.setattr(Work, "do", do)
    found = {}
    for kind, switch in switches(settings).items():
        done.clear()
        with ctx_host.use(Host()):
            if switch is None:
                lbs = {name: "10.0.0.9" for name in switches(settings) if name != "node"}
                node.place(Work(), settings, "node1", lbs, settings.first_color)
            else:
                place = {"haproxy": haproxy, "nginx": nginx_balancer}[kind].place
                place(Work(), settings, switch, NODES, settings.first_color)
        found[kind] = list(done)
    return found


def told(settings: Settings) -> dict[str, dict[str, str]]:
    """Kind of host -> the digests that provisioning would leave on such a host."""
    return {kind: digests(settings, switch) for kind, switch in switches(settings).items()}


@dataclass
class Effects:
    """What changing each key of a base has as effects.

    + matters: key -> whether anything that is installed differs
    + wrong: lines about keys for which only the digests differ, or only what is installed
    """

    matters: dict[str, bool] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def effects_of(base: str, monkeypatch: pytest.MonkeyPatch) -> Effects:
    """Change each key that settings like a base can have."""
    raw, found = raw_of(base), Effects()
    settings = load(raw)
    before, digests_before = installed(settings, monkeypatch), told(settings)
    for path in LEAVES:
        other = changed(raw, path)
        if other is None:
            continue
        name, after, digests_after = name_of(path), installed(other, monkeypatch), told(other)
        for kind, was in before.items():
            matters, differs = was != after[kind], digests_before[kind] != digests_after[kind]
            if matters != differs:
                found.wrong.append(f"{kind}, {name}: only {'what is installed' if matters else 'a digest'} differs")
            found.matters[name] = found.matters.get(name, False) or matters
    return found


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Effects]:
    folder = tmp_path_factory.mktemp("operator")
    for name in FILES:
        (folder / name).write_text(f"ssh-ed25519 {name}\n")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        return {base: effects_of(base, monkeypatch) for base in BASES}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "base", [pytest.param(base, marks=pytest.mark.slow) if base == "plain" else base for base in BASES]
)
def test_digests_differ_if_what_is_installed_differs(effects: dict[str, Effects], base: str) -> None:
    assert effects[base].wrong == []


@pytest.mark.parametrize("section", OPTIONAL)
def test_a_section_that_is_added_is_noticed(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = raw_of("plain")
    old, new = load(raw), load(raw | OPTIONAL[section])
    before, after = installed(old, monkeypatch), installed(new, monkeypatch)
    for kind, was in before.items():
        assert (was != after[kind]) is (told(old)[kind] != told(new)[kind]), kind


@pytest.mark.exhaustive
def test_each_key_has_the_class_of_the_command_that_applies_it(effects: dict[str, Effects]) -> None:
    classes: dict[str, str] = {}
    for base, found in effects.items():
        for name, matters in found.matters.items():
            if matters and not base.startswith("new instances"):
                classes[name] = "servers"
            classes.setdefault(name, "release, servers" if matters else "release")
            if matters and classes[name] == "release":
                classes[name] = "release, servers"
    assert {name_of(path) for path in LEAVES} - set(classes) == set(), "keys that were changed in no base"
    assert {name: class_of(name) for name in classes} == classes


TWICE = {
    # a starter, a unit or a target follows the release: see the tests of serve, answers, fpm and the color's target
    "services.name",
    "workers.name",
    "schedule.name",
    "services.ports.blue",
    "services.ports.green",
    "php.version",
    # if PHP-FPM or the main service does not run, the gate fails
    "runtime",
    # a service counts as started with any answer
    "services.path",
    # the balancers have limits of their own
    "stream_limit",
    "web.max_body",
    # what provisioning made for the former value stays on the node
    "php.sessions",
    "php.idle_workers",
    "shared.directories",
    "environment.path",
    # these say where the releases are, and whose they are: without them, the node has no releases
    "app",
    "deployment",
    "root",
    "user",
}
"""The keys that both provisioning and a release apply. A kept release may have other values of them than the servers.

No other key can make a release disagree with servers that were provisioned later, such as the ports of the colors."""


@pytest.mark.exhaustive
def test_a_release_knows_few_values_that_provisioning_applies() -> None:
    found = set()
    for base in BASES:
        raw = raw_of(base)
        before = files(load(raw))
        for path in LEAVES:
            other = changed(raw, path)
            if other is not None and files(other) != before and class_of(name_of(path)) == "servers":
                found.add(name_of(path))
    assert found == TWICE


def settings(**more: Any) -> Settings:
    return load({"app": "shop", "source": GIT, "switches": [HAPROXY], "marker": {"answers": "all"}, **more})


def test_the_node_switch_is_a_key_of_the_nodes() -> None:
    armed = settings(switches=[{"kind": "node", "urls": ["http://127.0.0.1:8080"]}])
    assert set(digests(armed)) - set(digests(settings())) == {"switches.kind"}
    assert stays("switches.kind")
    assert ("perl" in node.packages(armed)) is ("perl" not in node.packages(settings())) is True


def test_a_recipe_s_values_and_defaults_are_compared() -> None:
    assert digests(settings(recipe="symfony")) == digests(settings(shared={"directories": ["var/log"]}))
    assert digests(settings(php={"version": "8.2", "workers": 16})) == digests(settings())


def test_of_the_operator_s_files_only_the_names_are_compared() -> None:
    def of(folder: str) -> dict[str, str]:
        source = {**GIT, "key": f"{folder}/key", "known_hosts": f"{folder}/hosts"}
        return digests(settings(source=source, authorized_keys=[f"{folder}/ann.pub"]))

    assert of("/home/ann/.ssh") == of("~/.ssh")
    assert {name for name in of("/home/ann") if stays(name)} == {"source.key", "source.known_hosts", "authorized_keys"}


def test_no_value_is_in_the_file_that_provisioning_leaves() -> None:
    secret = settings(
        marker={"answers": "probe", "token": "hush-hush-hush-1"},
        preview={"token": "hush-hush-hush-2"},
        php={"ini": {"a": "hush"}},
    )
    for switch in (None, secret.switches[0]):
        assert isinstance(switch, BalancerSwitch | None)
        lines = text("0.2.0", digests(secret, switch)).splitlines()
        assert lines[1] == "orchestrator 0.2.0"
        assert "hush" not in "".join(lines)
        assert all(re.fullmatch(r"[a-z_.-]+ [0-9a-f]{12}", line) for line in lines[2:])


@pytest.mark.parametrize(
    ("entry", "noted"),
    [
        (None, False),
        (
            Entry("file", "root", "deploy", "640", hashlib.sha256(text(__version__, {"a": "1"}).encode()).hexdigest()),
            False,
        ),
        (Entry("file", "root", "deploy", "640", hashlib.sha256(b"former").hexdigest()), True),
    ],
    ids=["a host without the file", "the same settings", "other settings"],
)
def test_provisioning_notes_that_it_has_begun_and_ended(
    entry: Entry | None, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str, str]] = []

    def do(self: Work, what: str, operation: Any, **about: Any) -> bool:
        assert about["path"] == "/etc/orchestrator/shop/provisioned"
        done.append((about["text"], about["group"], about["mode"]))
        return True

    monkeypatch.setattr(Work, "do", do)
    monkeypatch.setattr(Host, "entry", entry)
    with ctx_host.use(Host()):
        applied.begin(settings(), {"a": "1"})
        assert done == ([(unfinished(__version__), "deploy", "640")] if noted else [])
        done.clear()
        applied.end(Work(), settings(), {"a": "1"})
    assert done == [(text(__version__, {"a": "1"}), "of-deploy", "640")]


@pytest.mark.parametrize("written", [text("0.2.0", {"php.ini": "0123456789ab"}), unfinished("0.2.0")])
def test_hosts_print_what_provisioning_left(written: str, tmp_path: Path) -> None:
    (tmp_path / "provisioned").write_text(written)

    def printed(file: str) -> list[str]:
        command = assign(read("scripts/provisioned.sh"), provisioned=str(tmp_path / file)) + "\ntrue"
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()

    found = {"unfinished": "0.2.0"} if "unfinished" in written else {"orchestrator": "0.2.0", "php.ini": "0123456789ab"}
    assert said_digests(pairs(["live=blue", *printed("provisioned")])) == found
    assert printed("none") == []
    assert said_digests(pairs(["live=blue"])) is None

"""The trace of all servers over all commands: no process of root touches a path that others can change.

strace runs on this machine, and traces all processes of the containers. `tests/root` has the rule, and its exceptions.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fleet_tools
import pytest

from tests.fleet.running import ROOT, Alone, Fleet, separate
from tests.fleet.safety import words
from tests.fleet.switching import until
from tests.root.allowed import allowed, allowed_to_deploy
from tests.root.host import Entries, Tracer, account, others
from tests.root.rule import violations

NODES, BALANCERS = ("node1", "node2"), ("haproxy", "nginx")
DEPLOY, WEB, NGINX = "deploy", "shop-web", "www-data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to trace the processes of containers"),
]

SITE: dict[str, Any] = {
    "recipe": "laravel",
    "warm": ["/"],
    "shared": {"directories": ["storage", "var/uploads", "var/cache/data"], "seed": ["storage"]},
    "web": {"serve": ["storage"], "trusted_proxies": ["balancers"]},
    "permissions": {"writable": ["cache"], "private": ["app/autoload.php"]},
    "environment": {"values": {"APP_KEY": "planted-in-values-7"}},
    "build": [
        {"name": "tell", "run": "mkdir -p cache && date >cache/built"},
        {"name": "web", "run": "date >cache/web", "user": "web"},
    ],
    "hooks": [{"before": "start", "on": "first node", "run": "true"}],
    "php": {"public": "public", "workers": 8, "idle_workers": 2},
    "soak": "3s",
}
"""Settings with a recipe, a service, nested shared directories, build steps of both users, and a soak window."""

DRAINS = {**SITE, "web": {**SITE["web"], "trusted_proxies": ["balancers", "10.9.9.1"]}}
"""Other settings of the nodes. To provision them, each node is drained."""


@dataclass
class Host:
    """A server whose processes are traced.

    + first: id of its first process on this machine
    + entries: what exists there
    + counted: how many calls of each user were judged
    """

    name: str
    first: int
    entries: Entries
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def root(self) -> str:
        return f"/proc/{self.first}/root"


class Traced:
    """Runs of the product on a fleet whose processes are all traced meanwhile.

    + root: the files of the product
    """

    def __init__(
        self, fleet: Fleet, scratch: Path, hosts: Sequence[str], root: Path = ROOT, **environment: str
    ) -> None:
        self.fleet, self._scratch, self._root, self._environment = fleet, scratch, root, environment
        self._numbers = itertools.count(1)
        ids = {name: fleet.containers.first_process(fleet.container(name)) for name in hosts}
        assert all(ids.values()), ids
        self.hosts = [Host(name, first, Entries(f"/proc/{first}/root")) for name, first in ids.items()]

    def run(self, verb: str, settings: Mapping[str, Any] = SITE, **data: str) -> list[str]:
        """Run a deploy file, and return the violations."""
        begun, number = time.monotonic(), next(self._numbers)
        tracers = [Tracer(host.first, self._scratch / f"{host.name}-{number}.trace") for host in self.hosts]
        try:
            until(lambda: all(tracer.is_attached for tracer in tracers))
            done = self.fleet.pyinfra(
                *words(verb, **data),
                timeout=1200,
                root=self._root,
                environment=self._environment,
                PYTHONPATH=str(self._root),
                SETTINGS=json.dumps(settings),
            )
        finally:
            for tracer in tracers:
                tracer.end()
        assert done.returncode == 0, done.stdout + done.stderr
        took = time.monotonic() - begun
        found = [line for host, tracer in zip(self.hosts, tracers, strict=True) for line in judged(host, tracer)]
        print(f"{verb}: {took:.0f} s, and {time.monotonic() - begun - took:.0f} s to judge")
        print(*found, sep="\n")
        return found


def judged(host: Host, tracer: Tracer) -> list[str]:
    """The violations in a trace: those of root, and those of the deploy user whom the web user must not redirect."""
    path, state = "/srv/shop", "/var/lib/orchestrator/shop"
    found = []
    for user, number, less, exceptions in (
        ("root", 0, (DEPLOY, WEB, NGINX), allowed(path, state)),
        (DEPLOY, account(host.root, DEPLOY), (WEB, NGINX), allowed_to_deploy(path)),
    ):
        touched = tracer.touched(number, reads=True)
        host.counted[user] += len(touched)
        found += violations(touched, host.entries, others(host.root, less), exceptions)
    return [f"{host.name}: {line}" for line in found]


@pytest.fixture
def fleet(alone: Alone, docker_compose_command: str, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet of the test's own, as it is before provisioning."""
    fleet_tools.ensure_package("strace", "strace")
    with separate(alone, tmp_path / "fleet", "orchtraced", len(NODES)) as made:
        yield made


def test_root_touches_no_path_that_others_can_change(fleet: Fleet, tmp_path: Path) -> None:
    traced = Traced(fleet, tmp_path, (*NODES, *BALANCERS))
    found = [
        *traced.run("provision"),
        *traced.run("release", ref="v1"),
        *traced.run("release", ref="v2"),
        *traced.run("rollback"),
        # the nodes are drained one after the other
        *traced.run("provision", DRAINS),
        *traced.run("code", DRAINS, ref="v1"),
    ]
    assert fleet.exec("node2", "systemctl stop ssh").returncode == 0
    found += traced.run("release", DRAINS, ref="v2", allow_missing="node2")
    assert fleet.exec("node2", "systemctl start ssh").returncode == 0
    # the release comes from node1
    found += traced.run("join", DRAINS, node="node2")
    found += traced.run("remove", DRAINS, remove="shop")
    print(*(f"{host.name}: {dict(host.counted)}" for host in traced.hosts), sep="\n")
    assert found == []
    # strace has seen the calls
    assert min(number for host in traced.hosts for number in host.counted.values()) > 1000


@dataclass(frozen=True)
class Fault:
    """What this project once did.

    + changes: file of the product -> the text that the fault replaces, and its own
    + found: the beginnings of lines about it, one of each must be among the violations
    """

    changes: Mapping[str, tuple[str, str]]
    found: Sequence[str]


FAULTS = {
    "PHP-FPM's master has root's rights, and binds its socket where the deploy user can write": Fault(
        {
            "provision/templates/fpm.service.j2": ("ExecStart={{ library }}", "ExecStart=+{{ library }}"),
            "stack/templates/php-fpm.conf.j2": (
                "listen.acl_users = {{ user }}\n",
                "user = shop-web\nlisten.owner = shop-web\nlisten.group = {{ user }}\n",
            ),
        },
        ["node1: bind /srv/shop/blue/run/fpm.sock", "node1: chown /srv/shop/blue/run/fpm.sock"],
    ),
    "provisioning writes the weights in the deploy user's directory": Fault(
        {
            "provision/weights_map.sh": (
                "new=$(mktemp ./weights.XXXXXX)",
                'new=./weights.map.candidate && : >"$new"',
            ),
        },
        ["haproxy: openat /var/lib/orchestrator/shop/weights.map.candidate"],
    ),
    "root makes nested shared directories by their paths": Fault(
        {
            "provision/directories_below.sh": (
                'enter "$base" "$path" && chown -- "$owner:$group" . && chmod -- "$mode" .',
                'mkdir -p -- "$base/$path" && chown -- "$owner:$group" "$base/$path" && chmod -- "$mode" "$base/$path"',
            ),
            "provision/heirs.sh": (
                'enter "$base" "$path" && setfacl -m "$entries" -- .',
                'setfacl -m "$entries" -- "$base/$path"',
            ),
        },
        [
            "node1: mkdir /srv/shop/shared/var/uploads",
            "node1: fchownat /srv/shop/shared/var/uploads",
            "node1: fchmodat /srv/shop/shared/var/uploads",
            "node1: setxattr /srv/shop/shared/var/uploads",
        ],
    ),
    "root writes the drain mark": Fault(
        {"provision/drain_mark.py": ("as_user(fleet.settings.user, command), stdin", "command, stdin")},
        ["node1: openat /srv/shop/guard/drain.new", "node1: renameat2 /srv/shop/guard/drain"],
    ),
    "root writes a stamp into the runtime directory of the web user": Fault(
        {"provision/render.py": ('{color}.loaded"\n\n\ndef service_units', '{color}/loaded"\n\n\ndef service_units')},
        ["node1: openat /run/orchestrator/shop-blue/loaded"],
    ),
    "the deploy user changes modes where the web user can put a link": Fault(
        {
            "operations/share.sh": (
                "    rm -rf .seed.part\n    mkdir -m 700 .seed.part\n    step . .seed.part\n",
                '    git -C "$release" archive "HEAD:$1" | tar -x\n'
                '    chmod -R u+rwX,g+rwX "$root/shared/$1"\n    return\n',
            ),
        },
        ["node1: fchmodat /srv/shop/shared/storage/.gitignore"],
    ),
}
"""All faults but one: `tests/operations/test_others_files.py` shows that a join keeps no setuid bits."""


def test_each_fault_is_found_if_it_is_put_back(fleet: Fleet, tmp_path: Path) -> None:
    root = tmp_path / "faulty"
    for folder in ("orchestrator", "deploys", "inventory"):
        shutil.copytree(ROOT / folder, root / folder)
    for fault in FAULTS.values():
        for file, (text, other) in fault.changes.items():
            path = root / "orchestrator" / file
            assert path.read_text().count(text) == 1, file
            path.write_text(path.read_text().replace(text, other))
    traced = Traced(fleet, tmp_path, ("node1", "haproxy"), root, SWITCH="haproxy")
    found = [*traced.run("provision"), *traced.run("release", ref="v1"), *traced.run("provision", DRAINS)]
    for name, fault in FAULTS.items():
        for line in fault.found:
            assert any(one.startswith(line) for one in found), (name, line, found)

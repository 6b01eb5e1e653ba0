"""Whatever a host answers to whatever is asked, the result is a value or one line about this host."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine

from orchestrator.connection.marks import decoded
from orchestrator.errors import CannotTell, OrchestratorError
from orchestrator.facts.answers import ColorAnswers, MemberAnswers
from orchestrator.facts.balancer import BalancerLines
from orchestrator.facts.base import Fact
from orchestrator.facts.clock import Clock
from orchestrator.facts.commits import Commits
from orchestrator.facts.contents import Contents
from orchestrator.facts.fired import Fired
from orchestrator.facts.idle import ColorInFlight, OpenConnections
from orchestrator.facts.migration import Migration
from orchestrator.facts.node import Node
from orchestrator.facts.older import Older
from orchestrator.facts.revision import Revision
from orchestrator.facts.schedule import Schedules
from orchestrator.facts.served import Served
from orchestrator.facts.sql_files import SqlFiles
from orchestrator.facts.traffic import TrafficLines
from orchestrator.facts.tree import Tree
from orchestrator.facts.workers import Workers
from orchestrator.fleet import Fleet
from orchestrator.journal.host import HostStore
from orchestrator.journal.store import Lost, Owner
from orchestrator.layout import BalancerLayout
from orchestrator.provision import facts as provisioned
from orchestrator.provision import firewall, in_use, neighbors, web_user
from orchestrator.provision.removal import left
from orchestrator.run.handlers.warm import judged
from orchestrator.scripts.command import understood
from orchestrator.switches import balancer
from tests.fakes.world import World
from tests.gates.test_opcache import said as opcache_said

CASES = 2000
HASH = "0123456789abcdef" * 4
OWNER = Owner("ann@laptop", 1, "release", "2026-01-01T00:00:00+00:00", "token")


@dataclass(frozen=True)
class Asked:
    """A question, and a good answer.

    + ask: asks the host, and parses the answer
    + answer: a good answer
    """

    ask: Callable[[Fleet, Host], object]
    answer: str


def fact(kind: type[Fact[Any]], answer: str, **arguments: Any) -> Asked:
    return Asked(lambda fleet, host: fleet.look(host, kind, **arguments), answer)


def switch(kind: str, answer: str) -> Asked:
    def ask(fleet: Fleet, host: Host) -> object:
        return understood(
            balancer(kind, BalancerLayout("shop")).seen, fleet.look(host, BalancerLines, app="shop", kind=kind)
        )

    return Asked(ask, answer)


def traffic(kind: str, answer: str) -> Asked:
    def ask(fleet: Fleet, host: Host) -> object:
        lines = fleet.look(host, TrafficLines, app="shop", kind=kind)
        return understood(balancer(kind, BalancerLayout("shop")).traffic, lines)

    return Asked(ask, answer)


def store(act: Callable[[HostStore], object], answer: str) -> Asked:
    def ask(fleet: Fleet, host: Host) -> object:
        return act(HostStore(lambda command, text: fleet.shell(host, command, text), "/var/lib/journal"))

    return Asked(ask, answer)


PROCESS = "workers=blue/queue/1/active/running/99/0/0/success/20260101T120000Z-aaaaaaa"

JOB = "workers=schedule/tick/0/activating/start/99/0/3/success/20260101T120000Z-aaaaaaa"

NODE = """provisioned=yes
set.php=12345678
live=blue
blue.release=20260101T120000Z-aaaaaaa
blue.started=20260101T120000Z-aaaaaaa
blue.shrunk=
blue.active=active
blue.rss_kb=50000
green.release=
green.started=none
green.shrunk=yes
green.active=inactive
green.rss_kb=0
draining=
releases=20260101T120000Z-aaaaaaa 20260102T120000Z-bbbbbbb
sizes=1000 20 2000 30
disk_kb=1000000
inodes=100000
memory_kb=500000
filesystem=ext2/ext3
fence=12
barrier=20260101T120000Z-aaaaaaa
workers=blue/queue/1/active/running/99/0/0/success/20260101T120000Z-aaaaaaa
expected=blue/queue/1
schedule=one 12 node1
"""
MIGRATION = "state=ended\ncode=3\nline=no such table\nline=the end\n"
SQL = "file=U0VMRUNUIDE7Cg== 0001_total.expand.sql\nfile= 0002_note.check.sql\nfiles=2\n"
OLDER = "looked\n4711\twww-data\t20260101T120000Z-aaaaaaa\tphp artisan queue:work\n"

RECORD = """blue=100 1 0 3:50 4:50
green=50 0 1 2:50
begin=1795872284.029
end=1795872294.029
complete=yes
lines=151
unread=0
"""
HAPROXY = """running=25
kept=25
set.a=1
filesystem=xfs
barred=10.0.0.3 10.0.0.4
blue.in_flight=3
green.in_flight=0
out.node1=MAINT
"""
COLOR = """answer.0=200 20260101T120000Z-aaaaaaa
started=20260101T120000Z-aaaaaaa 1795872284
code={"root":"/srv/shop"}
"""
HELD = '{"pid":1,"since":"2026-01-01T00:00:00+00:00","token":"","verb":"release","who":"ann@laptop"}'
RUNS = f'held 1.5 5/6-7\n {HELD}\nrun 0000000001.jsonl\n {{"record":"begin","verb":"release"}}\n\n'

ASKED: dict[str, Asked] = {
    "node": fact(Node, NODE, root="/srv/shop", app="shop", user="deploy"),
    "migration": fact(Migration, MIGRATION, root="/srv/shop", key="expand-r", user="deploy"),
    "sql files": fact(SqlFiles, SQL, root="/srv/shop", release="r1", directory="db", user="deploy"),
    "commits": fact(
        Commits,
        "1 2\nAdd a page\nMend it\n",
        root="/srv/shop",
        origin="/srv/git/shop.git",
        old="aaaaaaa",
        new="bbbbbbb",
    ),
    "older": fact(Older, OLDER, root="/srv/shop", live="20260102T120000Z-bbbbbbb", used="/lib/used", user="deploy"),
    "color": fact(
        ColorAnswers,
        COLOR,
        root="/srv/shop",
        user="deploy",
        color="blue",
        port=8081,
        path="/health",
        hostname="shop",
        count=2,
        code="",
    ),
    "members": fact(
        MemberAnswers,
        "node1=200 20260101T120000Z-aaaaaaa - -\nnode2=000 - 200 r2\n",
        port=8081,
        other=8082,
        path="/health",
        hostname="shop",
        members=["node1=10.0.0.1", "node2=10.0.0.2"],
    ),
    "clock": fact(Clock, "1795872284.029000000\n"),
    "fired": fact(
        Fired,
        "wanted=12\nrun=12\noutcome=fired\ncolor=green\nat=1795872284.0\ninstant=1795872284.001\n",
        root="/srv",
        run=12,
    ),
    "in flight": fact(
        ColorInFlight,
        "connection=0 0 10.0.0.1:8081 10.0.0.2:999 lastsnd:500 lastrcv:600\n"
        'fpm={"active processes":1,"listen queue":0}\nstreams=0\nstreams.9000=2\n',
        user="deploy",
        directory="/srv/shop/blue/run",
        port=8081,
        listens="/srv/x-",
        service="",
        main="/srv/shop/blue/run/fpm.sock",
    ),
    "open connections": fact(OpenConnections, "connections\n0 0 a:80 b:9\n", port=80),
    "revision": fact(
        Revision, f"{HASH[:40]}\trefs/heads/main\n{HASH[:40]}\tmirror\n", root="/srv", origin="o", ref="main"
    ),
    "contents": fact(Contents, "submodule\tlib\nlfs\n", root="/srv/shop", origin="o", revision=HASH[:40]),
    "served": fact(Served, "node1\nnode2\n", port=80, path="/", hostname="shop", count=2),
    "tree": fact(Tree, f"{HASH}\n", root="/srv/shop", release="r1"),
    "haproxy": switch("haproxy", HAPROXY),
    "nginx": switch("nginx", "kept=25\nserving=yes\nset.a=1\nfilesystem=xfs\nbarred=\n"),
    "haproxy's record": traffic("haproxy", RECORD),
    "nginx's record": traffic("nginx", RECORD),
    "take": store(lambda one: one.take(OWNER, 15.0), "taken 12\n"),
    "take a held lock": store(lambda one: one.take(OWNER, 15.0), f"held 1.5 5/6-7\n {HELD}\n"),
    "renew": store(lambda one: one.renew(OWNER), "ok\n"),
    "append": store(lambda one: one.append(OWNER, 12, [{"record": "begin"}]), "ok\n"),
    "read": store(lambda one: one.read(), RUNS),
    "warm": Asked(
        lambda fleet, host: understood(judged, fleet.shell(host, StringCommand("warm"))),
        json.dumps(opcache_said()) + "\n",
    ),
    "firewall fits": fact(
        firewall.Fits, "yes\n", table="orchestrator_shop", path="/f", stamp="/s", unit="shop-firewall.service"
    ),
    "firewall in kernel and file": fact(
        firewall.BothWalls,
        "placed 10.0.0.9 haproxy\nports 8081, 8082\nkernel\ntable inet orchestrator_shop {\n"
        "elements = { 10.0.0.9, 10.1.0.0/16, 10.2.0.1-10.2.0.3 }\ntcp dport { 8081, 8082 } jump opened\n}\n",
        table="orchestrator_shop",
        path="/f",
    ),
    "connections to nodes": fact(
        firewall.Reach,
        "source node1 10.0.0.9\nreached node1 8081 10.0.0.9 40000\nholder 77\nuses node1 10.0.0.9\n",
        hold=5,
        ports=[8081],
        members=["node1=10.0.0.1"],
    ),
    "peers": fact(
        firewall.PeersOfPorts,
        "open 10.0.0.9\nended 10.0.0.7\nseen 10.0.0.9:40000\nplaced 10.0.0.9 haproxy\n",
        ports=[8081],
        path="/f",
        ends=["10.0.0.9:40000"],
    ),
    "entries": fact(provisioned.Entries, f"entry|81a4|root|root|644|/a\nnone|/b\nsum|{HASH}  /a\n", paths=["/a", "/b"]),
    "heirs": fact(provisioned.Heirs, "|/a\nuser::rwx\nuser:deploy:rwx\n", paths=["/a"]),
    "key pair": fact(provisioned.KeyPair, "certificates=2\nkeys=1\nmatch=yes\n", certificate="/c", key="/k"),
    "units": fact(
        provisioned.Units,
        "Id=a.service\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n\nId=b\nActiveState=failed\n",
        units=["a.service", "b"],
    ),
    "stamps": fact(provisioned.Current, "yes|/a\nno|/b\n", stamps=["/a", "/b"]),
    "authorized keys": fact(provisioned.AuthorizedKeys, "ssh-ed25519 AAAA ann\n", user="deploy", home="/home/deploy"),
    "packages": fact(provisioned.MissingPackages, "nginx\n", packages=["nginx", "curl"]),
    "accounts": fact(provisioned.Accounts, "deploy|/home/deploy|deploy\n", users=["deploy"]),
    "shells": fact(provisioned.LoginShells, "admin|/bin/bash\ndeploy|/bin/zsh\n", users=["deploy"]),
    "addresses": fact(provisioned.Addresses, "node1|10.0.0.1\n", hosts=["node1"]),
    "text": fact(provisioned.Text, "a\nb\n", path="/a"),
    "command line": fact(provisioned.CommandLine, "haproxy -f /etc \n", unit="haproxy.service"),
    "php versions": fact(provisioned.PhpVersions, "8.2\n7.4\n"),
    "haproxy version": fact(provisioned.HAProxyVersion, "HAProxy version 2.6.12-1 2023/04/12 - https://haproxy.org/\n"),
    "git setting": fact(provisioned.GitSetting, "ssh -i k\n", config="/c", key="core.sshCommand", user="deploy"),
    "earlier": fact(provisioned.Earlier, "/usr/local/lib/orchestrator/blog\n", library="/l"),
    "barred": fact(provisioned.Barred, "10.0.0.3\n", bar="/bar"),
    "connections": fact(provisioned.Connections, "3\n", ip="10.0.0.1", ports=["1"]),
    "unconfigured": fact(provisioned.Unconfigured, "20260101T120000Z-aaaaaaa\n", root="/srv", file="web"),
    "released services": fact(provisioned.ReleasedServices, "worker\n", root="/srv", target="t"),
    "released schedules": fact(provisioned.ReleasedSchedules, "tick\n", root="/srv", target="t"),
    "schedules": fact(
        Schedules,
        f"{JOB}\nschedule=one 12 node1\n",
        root="/srv/shop",
        app="shop",
        user="deploy",
    ),
    "worker units": fact(provisioned.WorkerUnits, "shop-blue-queue@.service\n", app="shop"),
    "workers": fact(
        Workers,
        f"{PROCESS}\nexpected=blue/queue/1\nsaid.blue/queue/1=no queue\n",
        root="/srv/shop",
        app="shop",
        program="/p",
        user="deploy",
    ),
    "web user": fact(
        web_user.Holds,
        "runs www-data\nowner www-data\nowner shop-web\nnetwork /srv/shop/shared/nfs\n",
        record="/r",
        root="/srv/shop",
        target="/t",
        fpm="/f",
        units=["/u"],
    ),
    "neighbors": fact(neighbors.NeighborPorts, "80\n443\n", app="shop"),
    "ports": fact(
        in_use.PortsInUse,
        'socket LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=1,fd=6))\nunit 1 /system.slice/nginx.service\n'
        "haproxy /etc/haproxy/haproxy.cfg:  bind *:80\nnginx # configuration file /etc/nginx/nginx.conf:\n"
        "nginx server { listen 80; }\nwelcome /etc/nginx/sites-enabled/default\n",
        used=["nginx"],
    ),
    "left": fact(
        left.WhatIsLeft,
        "path /etc/nginx/shop.conf\nshared 1\nkeys 1\nlogin root\nother blog deploy\nlistens 80\nclients 3\nend\n",
        app="shop",
        user="deploy",
        root="/srv/shop",
        entries=["."],
        ports=[80],
        paths=["/a"],
    ),
}


# What may happen to an answer: each function gets the output of a host as bytes, and returns other bytes


def truncated(said: bytes, chance: random.Random) -> bytes:
    return said[: chance.randrange(len(said) + 1)]


def beheaded(said: bytes, chance: random.Random) -> bytes:
    return said[chance.randrange(len(said) + 1) :]


def garbled(said: bytes, chance: random.Random) -> bytes:
    changed = bytearray(said)
    for _ in range(chance.randrange(1, 8)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def doubled(said: bytes, chance: random.Random) -> bytes:
    return said + said


def stuttering(said: bytes, chance: random.Random) -> bytes:
    return b"".join(line * chance.choice((1, 2)) for line in said.splitlines(keepends=True))


def shuffled(said: bytes, chance: random.Random) -> bytes:
    lines = said.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def in_another_encoding(said: bytes, chance: random.Random) -> bytes:
    text = said.decode().replace("e", "é").replace("a", "ä")
    return text.encode(chance.choice(("latin-1", "utf-16", "cp1252")), "replace")


def in_another_locale(said: bytes, chance: random.Random) -> bytes:
    return re.sub(rb"(?<=\d)\.(?=\d)", b",", said).replace(b"=yes", b"=ja").replace(b"active", "tätig".encode())


def without_numbers(said: bytes, chance: random.Random) -> bytes:
    return re.sub(rb"\d+", lambda found: chance.choice((b"x y", b"", b"-1", b"9" * 5000, found[0])), said)


def none(said: bytes, chance: random.Random) -> bytes:
    return b""


def with_noise(said: bytes, chance: random.Random) -> bytes:
    lines = said.splitlines(keepends=True)
    for _ in range(3):
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(NOISE))
    return b"".join(lines)


NOISE = (
    b"Welcome!\n",
    b"=\n",
    b"a=b=c\n",
    b"|||||\n",
    b"\x1b[2J\x1b[31mred\n",
    b"\xff\xfe\n",
    b"\n",
    b"{\n",
    b"no line end",
)
WAYS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    truncated,
    beheaded,
    garbled,
    doubled,
    stuttering,
    shuffled,
    in_another_encoding,
    in_another_locale,
    without_numbers,
    none,
    with_noise,
)


@dataclass
class Liar:
    """A host that answers every command as a test wants.

    + answer: what every command prints
    + inside: changes the answer itself
    + around: changes the whole output, with the marks
    """

    answer: str = ""
    inside: Callable[[bytes], bytes] = field(default=lambda said: said)
    around: Callable[[bytes], bytes] = field(default=lambda said: said)

    def run(self, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        mark = re.search(r"mark=(\S+)", command.get_raw_value())
        assert mark
        lines = []
        for output, said in (("stdout", self.inside(self.answer.encode())), ("stderr", b"")):
            whole = b"\n%b\n%b\n%b 0\n" % (mark[1].encode(), said, mark[1].encode())
            lines += [OutputLine(output, line) for line in decoded(self.around(whole))]
        return True, CommandOutput(lines)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return World(tmp_path_factory.mktemp("world"), 1, ("haproxy",)).fleet()


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch) -> Liar:
    made = Liar()
    monkeypatch.setattr(FakeConnector, "run_shell_command", lambda self, command, **arguments: made.run(command))
    return made


def outcome(fleet: Fleet, asked: Asked) -> tuple[object, str | None]:
    """What a run would get from the host: a value, or one line that says why there is none."""

    def ask(host: Host) -> object:
        try:
            return SimpleNamespace(found=asked.ask(fleet, host))
        except (CannotTell, Lost) as unknown:
            raise OrchestratorError(str(unknown)) from None

    reply = fleet.one("node1", ask, 60.0)
    return getattr(reply.value, "found", None), reply.error


def test_every_fact_is_asked_here() -> None:
    def below(kind: type[Any]) -> set[type[Any]]:
        return {one for child in kind.__subclasses__() for one in (child, *below(child))}

    asked: set[type[Any]] = set()

    class Listening:
        def look(self, host: object, fact: type[Any], **arguments: Any) -> list[str]:
            asked.add(fact)
            return []

        def shell(self, host: object, command: object, text: str = "") -> list[str]:
            return []

    for one in ASKED.values():
        try:
            one.ask(Listening(), None)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001, S112 (only the question matters)
            continue
    # a class with subclasses is only their base
    facts = {kind for kind in below(Fact) if not kind.__subclasses__()}
    assert {kind for kind in facts if kind.__module__.startswith("orchestrator.")} == asked


@pytest.mark.parametrize("name", ASKED)
def test_a_good_answer_is_understood_in_any_noise(name: str, fleet: Fleet, liar: Liar) -> None:
    liar.answer = ASKED[name].answer
    clean, error = outcome(fleet, ASKED[name])
    assert error is None
    for noise in NOISE:
        liar.around = lambda said, noise=noise: noise + said + noise  # type: ignore[misc]
        assert outcome(fleet, ASKED[name]) == (clean, None)


def test_a_broken_answer_is_a_value_or_one_line_about_the_host(fleet: Fleet, liar: Liar) -> None:
    chance = random.Random(14)
    names, unclear = list(ASKED), 0
    for number in range(CASES):
        name, way = names[number % len(names)], chance.choice(WAYS)
        liar.answer = ASKED[name].answer
        change = lambda said, way=way: way(said, chance)  # noqa: E731
        liar.inside, liar.around = (change, lambda said: said) if chance.random() < 0.6 else (lambda said: said, change)
        _, error = outcome(fleet, ASKED[name])
        if error is not None:
            unclear += 1
            assert error.isprintable(), (name, way.__name__, error)
            assert len(error) < 300, (name, way.__name__, error)
            assert "Traceback" not in error
    assert CASES * 0.2 < unclear < CASES


@pytest.mark.parametrize("way", [truncated, beheaded, none])
@pytest.mark.parametrize("name", ASKED)
def test_an_answer_without_both_marks_is_never_an_answer(
    way: Callable[[bytes, random.Random], bytes], name: str, fleet: Fleet, liar: Liar
) -> None:
    chance = random.Random(name)
    liar.answer = ASKED[name].answer
    for _ in range(5):
        liar.around = lambda said: way(said[1:-1], chance)
        value, error = outcome(fleet, ASKED[name])
        assert value is None
        assert error is not None
        assert "its answer cannot be read: " in error

"""The firewall of the nodes: its rules, the proof that it harms no balancer, and how it is loaded."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typing_extensions import override

from orchestrator.config import Settings, load
from orchestrator.config.firewall import Firewall
from orchestrator.errors import CommandFailed, OrchestratorError, Refused, StepFailed
from orchestrator.fleet import Fleet, Reply
from orchestrator.provision import firewall, node, operations, render
from orchestrator.provision.firewall import Contact, Peers, Reached, Wall, Walls
from orchestrator.provision.render import Allowed
from orchestrator.provision.work import Work
from orchestrator.scripts.files import read
from tests.fakes.processes import wait_until_dead


def made(**more: Any) -> Settings:
    switch = {"kind": "nginx", "group": "nginx", "urls": ["http://b"]}
    base = {"app": "shop-x", "source": {"origin": "x"}, "marker": {"answers": "all"}, "switches": [switch]}
    return load(base | {"firewall": {"enabled": True}} | more)


SETTINGS = made(firewall={"enabled": True, "allow": ["10.1.0.0/16"]})
LB1 = Allowed("10.0.0.9", "balancer lb1")
ALL = render.all_allowed(SETTINGS, [LB1])


def rules(settings: Settings, *balancers: Allowed) -> list[str]:
    return [line.strip() for line in render.firewall(settings, balancers).splitlines()]


def test_rules_name_each_address_once() -> None:
    lines = rules(SETTINGS, LB1, Allowed("10.1.2.3", "balancer lb2"), Allowed("fd00::9", "balancer lb2"))
    assert [line for line in lines if line.startswith("# allowed")] == [
        "# allowed 10.0.0.9 balancer lb1",
        "# allowed 10.1.2.3 balancer lb2",
        "# allowed fd00::9 balancer lb2",
        "# allowed 10.1.0.0/16 firewall.allow",
    ]
    # nftables refuses a set whose elements overlap
    assert [line for line in lines if line.startswith("elements")] == [
        "elements = { 10.0.0.9/32, 10.1.0.0/16 }",
        "elements = { fd00::9/128 }",
    ]
    assert "tcp dport { 8080, 8081, 8082 } tcp flags & (syn | ack) == syn jump opened" in lines
    assert not [line for line in rules(made()) if line.startswith("elements")]
    assert render.all_allowed(SETTINGS, [Allowed("10.1.0.0/16", "balancer lb1")])[0].who == "balancer lb1"


def test_a_file_replaces_only_the_table_of_its_application() -> None:
    lines = rules(SETTINGS, LB1)
    assert lines.index("table inet orchestrator_shop_x") + 1 == lines.index("delete table inet orchestrator_shop_x")
    assert not [line for line in lines if "flush" in line]
    other = render.firewall_table(made(app="shop"))
    assert other == "orchestrator_shop"
    assert other not in render.firewall(SETTINGS, [LB1]).replace("orchestrator_shop_x", "")


def inside(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script as root of namespaces of its own: users, network and mounts."""
    return subprocess.run(["unshare", "-rnm", "sh", "-c", script], capture_output=True, text=True, timeout=120)


needs_nft = pytest.mark.skipif(
    inside("mount -t tmpfs none /run && ip link set lo up && nft list ruleset && curl -V && ss -V").returncode != 0,
    reason="the kernel or this user has no namespaces or no nftables",
)


@needs_nft
def test_the_kernel_takes_the_rules_again_and_again(tmp_path: Path) -> None:
    for name, settings in (("one", SETTINGS), ("two", made(app="shop"))):
        (tmp_path / name).write_text(render.firewall(settings, [LB1, Allowed("fd00::9", "balancer lb1")]))
    done = inside(f"cd {tmp_path} && nft -c -f one && nft -f one && nft -f two && nft -f one && nft list ruleset")
    assert done.returncode == 0, done.stderr
    tables = [line for line in done.stdout.splitlines() if line.startswith("table")]
    assert sorted(tables) == ["table inet orchestrator_shop {", "table inet orchestrator_shop_x {"]
    assert done.stdout.count("jump opened") == 2


WIDEN = """
walls() { sh -c "$(cat walls)" walls orchestrator_shop_x rules; echo end; }
"""


@needs_nft
def test_the_kernel_says_which_addresses_it_allows(tmp_path: Path) -> None:
    wide = Wall(
        frozenset({8080, 8081}), (LB1, *(Allowed(each, "x") for each in ("10.0.0.8/31", "10.4.0.0/15", "fd00::/64")))
    )
    (tmp_path / "walls").write_text(read("provision/firewall_walls.sh"))
    (tmp_path / "widen").write_text(read("provision/firewall_widen.sh"))
    (tmp_path / "rules").write_text(render.firewall(SETTINGS, [LB1, Allowed("fd00::9", "balancer lb1")]))
    (tmp_path / "wide").write_text(render.firewall_rules(SETTINGS, wide.ports, wide.allowed))
    (tmp_path / "open").write_text(render.firewall_rules(SETTINGS, (), ()))
    load = 'sh -c "$(cat widen)" widen stamp "$(cat %s)" && [ ! -e stamp ] && walls'
    script = [
        "walls",
        "nft -f rules && walls",
        "touch stamp",
        load % "wide",
        load % "wide",
        load % "open",
        "rm rules && walls",
    ]
    done = inside(f"cd {tmp_path}{WIDEN}{' && '.join(script)}")
    assert done.returncode == 0, done.stderr
    found = [firewall.BothWalls().parse(part.splitlines()) for part in done.stdout.split("end\n")[:-1]]
    file = Wall(frozenset({8080, 8081, 8082}), (LB1, Allowed("fd00::9", "balancer lb1"), *ALL[1:]))
    assert [each.placed for each in found] == [file] * 5 + [Wall()]
    loaded = [(sorted(each.kernel.ports), [one.address for one in each.kernel.allowed]) for each in found]
    as_wide = ([8080, 8081], ["10.0.0.8/31", "10.4.0.0/15", "fd00::/64"])
    assert loaded == [
        ([], []),
        ([8080, 8081, 8082], ["10.0.0.9/32", "10.1.0.0/16", "fd00::9/128"]),
        as_wide,
        as_wide,
        ([], []),
        ([], []),
    ]


NETWORK = """
set -e
mount -t tmpfs none /run
ip link add bridge0 type bridge && ip link set bridge0 up
for host in node1:1 lb1:9 stranger:66; do
    name=${host%:*} number=${host#*:}
    ip netns add "$name"
    ip link add "v$number" type veth peer name eth0 netns "$name"
    ip link set "v$number" master bridge0 && ip link set "v$number" up
    ip netns exec "$name" sh -c "ip link set lo up; ip addr add 10.0.0.$number/24 dev eth0; ip link set eth0 up"
done
ip netns exec lb1 ip addr add 10.0.0.8/32 dev eth0
at() { name=$1; shift; ip netns exec "$name" "$@"; }
asks() { at "$1" curl -s -o /dev/null -m 5 http://10.0.0.1:8081/ && echo "$1 answered" || echo "$1 refused: $?"; }
at node1 python3 -m http.server -d /run 8081 >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
until at node1 curl -s -o /dev/null http://127.0.0.1:8081/; do sleep 0.05; done
reach() { at lb1 sh -c "$(cat reach)" reach 60 "8081 8082" node1=10.0.0.1; }
# shellcheck disable=SC2046
peers() { at node1 sh -c "$(cat peers)" peers "8081 8082" /nowhere $(awk '$1 == "reached" { print $4 ":" $5 }' said); }
# shellcheck disable=SC2046
release() { sh -c "$(cat release)" release $(awk '$1 == "holder" { print $2 }' said); }
"""


def network(place: Path, script: str) -> list[str]:
    """Run a shell script in a network of a node, a balancer and a stranger. Returns the lines that it printed."""
    for name in ("reach", "peers", "release"):
        (place / name).write_text(read(f"provision/{name}.sh"))
    (place / "rules").write_text(render.firewall(made(), [LB1]))
    done = inside(f"cd {place}; {NETWORK}{script}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.exhaustive
@needs_nft
def test_the_kernel_refuses_only_strangers(tmp_path: Path) -> None:
    # a connection that was open before the rules continues
    client = """
import os, socket, time
link = socket.create_connection(("10.0.0.1", 8081))
open("held", "w").close()
while not os.path.exists("loaded"):
    time.sleep(0.05)
link.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print("held", link.recv(100).split()[1].decode())
"""
    (tmp_path / "client").write_text(client)
    script = """
    asks lb1; asks stranger; asks node1
    at stranger python3 client & held=$!
    until [ -e held ]; do sleep 0.05; done
    at node1 nft -f rules
    asks lb1; asks stranger; asks node1
    : >loaded
    wait $held
    at node1 nft delete table inet orchestrator_shop_x
    asks stranger
    """
    assert network(tmp_path, script) == [
        "lb1 answered",
        "stranger answered",
        "node1 answered",
        "lb1 answered",
        "stranger refused: 7",
        "node1 answered",
        "held 200",
        "stranger answered",
    ]


@pytest.mark.exhaustive
@needs_nft
def test_the_proof_holds_in_a_real_network(tmp_path: Path) -> None:
    proof = "reach >said; cat said; echo ---; peers; release; echo ===;"
    chain = "{ type nat hook postrouting priority 100; }"
    rule = "ip daddr 10.0.0.1 tcp dport 8081 snat to 10.0.0.8"
    translate = f"at lb1 nft 'add table ip t; add chain ip t c {chain}; add rule ip t c {rule}'\n"
    first, second = "\n".join(network(tmp_path, f"{proof}{translate}{proof}")).split("===")[:2]
    for part, problems in ((first, 0), (second, 1)):
        said, seen = (half.strip().splitlines() for half in part.split("---"))
        reached = firewall.Reach().parse(said)
        assert reached.sources == {"node1": "10.0.0.9"}
        assert [(each.port, each.ip) for each in reached.contacts] == [(8081, "10.0.0.9")]
        found, _ = firewall.judge(made(), "node1", [LB1], firewall.PeersOfPorts().parse(seen), {"lb1": reached})
        assert len(found) == problems, (found, said, seen)
    assert found[0].startswith("node1 does not see the balancer lb1 at the balancer's own address 10.0.0.9")
    assert "10.0.0.8" in found[0]


class Recorded(Work):
    """Keeps the operations."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[Any, str]] = []

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: Any) -> bool:
        self.said.append((operation, arguments["path"]))
        return True


@pytest.mark.parametrize(("enabled", "operation"), [(True, operations.file), (False, operations.absent)])
def test_a_node_gets_or_loses_file_unit_and_package(enabled: bool, operation: Any) -> None:
    settings, work = made(firewall={"enabled": enabled}), Recorded()
    firewall.place(work, settings, [LB1])
    firewall.place_unit(work, settings)
    assert work.said == [
        (operation, "/etc/orchestrator/shop-x/firewall.nft"),
        (operation, "/etc/systemd/system/shop-x-firewall.service"),
    ]
    assert ("nftables" in node.packages(settings)) is enabled


def test_the_unit_loads_the_file_before_nginx_answers() -> None:
    unit = render.firewall_service(SETTINGS).splitlines()
    assert "Before=nginx.service shop-x-blue-nginx.service shop-x-green-nginx.service" in unit
    assert "After=nftables.service" in unit
    assert "ExecStart=/usr/sbin/nft -f /etc/orchestrator/shop-x/firewall.nft" in unit
    assert "ExecStop=-/usr/sbin/nft delete table inet orchestrator_shop_x" in unit


# --- the proof ---

CONTACT = Contact("node1", 8081, "10.0.0.9", 40001)
SEEN = Peers(frozenset({"10.0.0.9"}), seen=frozenset({CONTACT.end}))


def judged(peers: Peers, settings: Settings = SETTINGS, **reached: Reached) -> tuple[list[str], tuple[str, ...]]:
    allowed = render.all_allowed(settings, [LB1])
    return firewall.judge(settings, "node1", allowed, peers, reached or {"lb1": Reached(contacts=(CONTACT,))})


def test_a_balancer_that_is_seen_at_its_address_is_proved() -> None:
    assert judged(SEEN) == ([], ())


def test_a_balancer_at_another_address_of_its_own_is_refused() -> None:
    other = Contact("node1", 8082, "10.0.0.8", 40002)
    (problem,), _ = judged(Peers(ended=frozenset({"10.0.0.8"}), seen=frozenset({other.end})), lb1=Reached({}, (other,)))
    assert problem == (
        "node1 sees the balancer lb1 as 10.0.0.8, which the firewall would refuse: add 10.0.0.8 to firewall.allow, or "
        "set firewall.enabled to False"
    )
    # the balancer's program uses another address than the proof
    uses = Reached({}, (CONTACT,), uses=frozenset({("node1", "10.0.0.8"), ("node2", "10.0.0.7")}))
    (again,), _ = judged(Peers(frozenset({"10.0.0.8", "10.0.0.7"}), seen=SEEN.seen), lb1=uses)
    assert again == problem


@pytest.mark.parametrize(
    ("peers", "words"),
    [
        (Peers(ended=frozenset({"10.0.0.9", "10.9.9.9"})), "refuse connections from 10.9.9.9: add the address at"),
        (Peers(), "refuse connections from the balancer: add the address at which node1 sees lb1 to firewall.allow"),
    ],
)
def test_a_balancer_behind_a_translated_address_is_refused(peers: Peers, words: str) -> None:
    (problem,), _ = judged(peers)
    assert problem.startswith("node1 does not see the balancer lb1 at the balancer's own address 10.0.0.9")
    assert words in problem


def test_a_translated_address_of_one_port_is_refused() -> None:
    other = Contact("node1", 8082, "10.0.0.9", 40002)
    (problem,), _ = judged(
        Peers(frozenset({"10.0.0.9", "10.9.9.9"}), seen=SEEN.seen), lb1=Reached({}, (CONTACT, other))
    )
    assert problem.startswith("node1 does not see the balancer lb1 at")


def test_an_allowed_translated_address_is_proved() -> None:
    # it is unknown which connection is the balancer's, but each of them is allowed
    assert judged(Peers(frozenset({"10.1.9.9"}))) == ([], ())


def test_a_balancer_that_reaches_no_port_needs_no_proof() -> None:
    assert judged(Peers(), lb1=Reached({"node1": "10.0.0.9"})) == ([], ())


def test_a_stranger_is_named_before_it_is_refused() -> None:
    strange = Peers(frozenset({"10.0.0.9", "192.0.2.1"}), seen=SEEN.seen)
    problems, (warning,) = judged(strange)
    assert problems == []
    assert warning.startswith("warning: there are connections from 192.0.2.1 to the ports 8080, 8081, 8082: ")
    # the firewall with this list is loaded already
    known = Peers(strange.open, seen=strange.seen, placed=ALL)
    assert judged(known) == ([], ())


def test_a_default_refuses_no_stranger() -> None:
    by_default = made(firewall={"allow": ["10.1.0.0/16"]})
    strange = Peers(frozenset({"10.0.0.9", "10.1.0.7", "192.0.2.1"}), seen=SEEN.seen)
    (problem,), warnings = judged(strange, by_default)
    assert problem.startswith("node1 has connections from 192.0.2.1 to the ports 8080, 8081, 8082, which the firewall")
    assert "add the addresses to firewall.allow" in problem
    assert "set firewall.enabled to True" in problem
    assert warnings == ()
    assert judged(Peers(strange.open, seen=strange.seen, placed=ALL), by_default) == ([], ())
    # the operator has taken the address out of the list
    former = (*ALL, Allowed("192.0.2.1", "firewall.allow"))
    problems, (warning,) = judged(Peers(strange.open, seen=strange.seen, placed=former), by_default)
    assert problems == []
    assert "connections from 192.0.2.1" in warning


def test_the_plan_says_why_there_is_no_firewall() -> None:
    alb = SETTINGS.model_copy(update={"firewall": Firewall(), "switches": [SimpleNamespace(kind="alb")]})
    line = firewall.note(alb)
    assert line is not None
    assert line.startswith("firewall: off, because this tool does not know the addresses from which the switch alb ")
    assert firewall.note(alb.model_copy(update={"firewall": Firewall(enabled=False)})) is None
    assert firewall.note(alb.model_copy(update={"firewall": Firewall(allow=["10.0.0.0/16"])})) is None
    assert firewall.note(made(firewall={})) is None


def test_a_stranger_may_be_a_switch_behind_an_api() -> None:
    alb = SETTINGS.model_copy(update={"switches": [SimpleNamespace(kind="alb")]})
    strange = Peers(frozenset({"10.0.0.9", "192.0.2.1"}), seen=SEEN.seen)
    (problem,), warnings = judged(strange, alb)
    assert problem.startswith("node1 has connections from 192.0.2.1, which may be a switch behind an API")
    assert warnings == ()


@pytest.mark.parametrize("kind", ["open", "ended"])
def test_a_former_balancer_is_accepted_until_it_stops(kind: str) -> None:
    lb2 = Allowed("10.0.0.10", "balancer lb2")
    placed = (LB1, lb2, Allowed("10.0.0.11", "firewall.allow"), Allowed("10.0.0.12", "balancer lb3"))
    ends: dict[str, Any] = {kind: frozenset({"10.0.0.9", "10.0.0.10", "10.0.0.11"})}
    found = firewall.look(cast("Fleet", Hosts(peers=Peers(seen=SEEN.seen, placed=placed, **ends))))
    assert found.balancers == {"node1": (LB1, lb2)}
    stranger, former = found.warnings["node1"]
    assert "connections from 10.0.0.11 to" in stranger
    assert former.startswith("warning: the balancer lb2 is no longer in the inventory, but has connections from 10.0")
    assert firewall.still_connected(Peers(placed=placed), ALL) == ()
    assert firewall.still_connected(Peers(SEEN.open, placed=placed), ALL) == ()


def test_a_balancer_has_its_listed_and_its_measured_address() -> None:
    reached = {"lb1": Reached({"node1": "10.0.0.8", "node2": "10.5.0.8"}), "lb2": Reached(), "lb3": Reached()}
    balancers = {"lb1": "lb1.example", "lb2": "10.0.0.2", "lb3": "unknown.example"}
    found = firewall.addresses_at("node1", balancers, {"lb1.example": "203.0.113.1"}, reached)
    assert [(each.address, each.who) for each in found] == [
        ("203.0.113.1", "balancer lb1"),
        ("10.0.0.8", "balancer lb1"),
        ("10.0.0.2", "balancer lb2"),
    ]


# --- the hosts ---


@dataclass
class Hosts:
    """The part of `Fleet` that this module uses. The balancers reach node1, as long as nothing is loaded.

    + refuses: whether the loaded firewall refuses the balancer
    + peers: the other ends of node1's connections
    + walls: the firewall of node1's kernel, and of its file
    """

    settings: Settings = SETTINGS
    refuses: bool = False
    peers: Peers = SEEN
    done: list[str] = field(default_factory=list)
    released: int = 0
    nodes: tuple[str, ...] = ("node1",)
    balancers: dict[str, str] = field(default_factory=lambda: {"lb1": "nginx"})
    walls: Walls = field(default_factory=Walls)

    def address(self, name: str) -> str:
        return {"node1": "10.0.0.1", "lb1": "10.0.0.9"}[name]

    def one(self, name: str, act: Callable[[Any], Any], deadline: float) -> Reply[Any]:
        try:
            return Reply(name, act(SimpleNamespace(name=name)), None, False, 0.0)
        except (OrchestratorError, CommandFailed) as failed:
            return Reply(name, None, str(failed), False, 0.0)

    def each(self, names: Iterable[str], act: Callable[[Any], Any], deadline: float) -> list[Reply[Any]]:
        return [self.one(name, act, deadline) for name in names]

    def look(self, host: Any, fact: Any, **arguments: Any) -> Any:
        if fact is firewall.BothWalls:
            assert arguments == {"table": "orchestrator_shop_x", "path": "/etc/orchestrator/shop-x/firewall.nft"}
            return self.walls
        if fact is firewall.Reach:
            assert arguments["members"] == ["node1=10.0.0.1"]
            refused = self.refuses and "loaded" in self.done
            holders = (4711,) if arguments["hold"] else ()
            return Reached({"node1": "10.0.0.9"}, () if refused else (CONTACT,), holders)
        assert fact is firewall.PeersOfPorts
        assert arguments["ends"] == [CONTACT.end]
        return self.peers

    def shell(self, host: Any, command: Any, stdin: str = "") -> list[str]:
        text = command.get_raw_value()
        assert "delete table inet" in text or "orchestrator-ho" in text
        if "delete table inet" in text:
            self.done.append("opened")
        else:
            assert text.endswith(" 4711")
            self.released += 1
        return []


@pytest.fixture
def load_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Load the firewall of some hosts. Returns the lines for the operator."""

    def act(hosts: Hosts, former: bool = False, check_probe: Callable[[], None] = lambda: None) -> list[str]:
        monkeypatch.setattr(firewall, "AGAIN", 0.2)
        monkeypatch.setattr(firewall, "INTERVAL", 0.05)

        def do(self: Work, what: str, operation: Any, **arguments: Any) -> bool:
            assert operation is operations.firewall
            assert arguments == firewall.kernel(hosts.settings)
            hosts.done.append("loaded")
            self.changed.append(what)
            return True

        monkeypatch.setattr(Work, "do", do)
        lines: list[str] = []
        firewall.load(cast("Fleet", hosts), ["node1"], former, ["lb1"], check_probe, lines.append)
        return lines

    return act


PLACED = Peers(SEEN.open, SEEN.ended, SEEN.seen, ALL)


def test_a_proved_firewall_is_loaded(load_at: Callable[..., list[str]]) -> None:
    hosts = Hosts(peers=PLACED)
    assert load_at(hosts) == ["    node1: firewall: load"]
    assert hosts.done == ["loaded"]
    assert hosts.released == 1


def test_a_firewall_that_lacks_a_balancer_is_not_loaded(load_at: Callable[..., list[str]]) -> None:
    hosts = Hosts(peers=Peers(SEEN.open, SEEN.ended, SEEN.seen, (Allowed("10.1.0.0/16", "firewall.allow"),)))
    with pytest.raises(
        StepFailed, match=r"node1 sees the balancer lb1 as 10\.0\.0\.9, which the firewall would refuse"
    ):
        load_at(hosts)
    assert hosts.done == []


def test_a_firewall_that_refuses_a_balancer_is_removed(load_at: Callable[..., list[str]]) -> None:
    hosts = Hosts(refuses=True, peers=PLACED)
    with pytest.raises(
        StepFailed, match="lb1: port 8081 of node1 cannot be reached since node1 has loaded the firewall"
    ):
        load_at(hosts)
    assert hosts.done == ["loaded", "opened"]


def test_a_firewall_that_fails_requests_is_removed(load_at: Callable[..., list[str]]) -> None:
    def failed() -> None:
        raise StepFailed("3 requests have failed")

    hosts = Hosts(peers=PLACED)
    with pytest.raises(StepFailed, match="3 requests have failed"):
        load_at(hosts, check_probe=failed)
    assert hosts.done == ["loaded", "opened"]


def test_a_former_firewall_needs_no_proof(load_at: Callable[..., list[str]]) -> None:
    hosts = Hosts(refuses=True, peers=Peers())
    load_at(hosts, former=True)
    assert hosts.done == ["loaded"]


def test_a_former_firewall_cuts_no_balancer_off(load_at: Callable[..., list[str]]) -> None:
    ports = frozenset(SETTINGS.firewall_ports)
    hosts = Hosts(peers=Peers(), walls=Walls(placed=Wall(ports, (Allowed("10.0.0.7", "balancer lb2"),))))
    (line,) = load_at(hosts, former=True)
    assert line.startswith("    warning: node1: the former firewall would refuse lb1 (10.0.0.9), so the node still ")
    assert hosts.done == []
    # the balancer had no traffic before, or the file allows it
    sources = {"lb1": {"node1": "10.0.0.9"}}
    assert firewall.cut_off("node1", hosts.walls.placed, {}) is None
    assert firewall.cut_off("node2", hosts.walls.placed, sources) is None
    assert firewall.cut_off("node1", Wall(ports, (LB1,)), sources) is None


def test_a_wrong_list_is_refused_before_files_change() -> None:
    hosts = Hosts(peers=Peers(ended=frozenset({"10.9.9.9"})))
    with pytest.raises(Refused, match=r"^no file was changed on any host:\n    node1 does not see the balancer lb1"):
        firewall.look(cast("Fleet", hosts))
    found = firewall.look(cast("Fleet", Hosts()))
    assert found.balancers == {"node1": (LB1,)}
    assert found.contacts == {("node1", 8081, "lb1")}
    assert firewall.look(cast("Fleet", Hosts(made(firewall={"enabled": False})))) == firewall.Proved()


# --- the addresses that are admitted before the first drain ---

PORTS = frozenset({8081, 8082})
KERNEL = Wall(PORTS, (Allowed("10.0.0.9/32", ""), Allowed("10.1.0.0/17", ""), Allowed("10.1.128.0/17", "")))


@pytest.mark.parametrize(
    ("kernel", "wanted", "wider", "words"),
    [
        (Wall(), Wall(PORTS, (LB1,)), None, ""),
        (KERNEL, Wall(PORTS, ALL), None, ""),
        # the firewall will protect one more port, and refuse an address: not yet
        (KERNEL, Wall(PORTS | {8080}, (LB1,)), None, ""),
        (
            KERNEL,
            Wall(PORTS | {8080}, (Allowed("10.0.0.10", "balancer lb2"), Allowed("fd00::9", "balancer lb2"))),
            Wall(
                PORTS,
                (*KERNEL.allowed, Allowed("10.0.0.10", "balancer lb2"), Allowed("fd00::9", "balancer lb2")),
            ),
            "10.0.0.10 (balancer lb2), fd00::9 (balancer lb2)",
        ),
        # a network that contains loaded addresses
        (
            KERNEL,
            Wall(PORTS, (Allowed("10.0.0.0/8", render.ALLOW),)),
            Wall(PORTS, (*KERNEL.allowed, Allowed("10.0.0.0/8", render.ALLOW))),
            "10.0.0.0/8 (firewall.allow)",
        ),
        # with the switch `node`, users connect to the live port
        (
            Wall(PORTS | {8080}, KERNEL.allowed),
            Wall(PORTS, (LB1,)),
            Wall(PORTS, KERNEL.allowed),
            "every address to port 8080",
        ),
        # the firewall will be removed
        (KERNEL, Wall(), Wall(), "every address to port 8081 and port 8082"),
    ],
)
def test_only_what_both_firewalls_refuse_is_refused(kernel: Wall, wanted: Wall, wider: Wall | None, words: str) -> None:
    assert firewall.widened(kernel, wanted) == wider
    assert firewall.widening(kernel, wanted) == (f"firewall: new connections from {words}" if words else None)
    if wider:
        assert firewall.widened(wider, wanted) is None


def test_new_addresses_are_admitted_in_the_kernel_only(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[dict[str, Any]] = []

    def do(self: Work, what: str, operation: Any, **arguments: Any) -> bool:
        assert operation is operations.wider_firewall
        done.append(arguments)
        self.changed.append(what)
        return True

    monkeypatch.setattr(Work, "do", do)
    loaded = Wall(frozenset(SETTINGS.firewall_ports), (Allowed("10.0.0.7/32", "loaded before"),))
    placed = Wall(frozenset(SETTINGS.firewall_ports), ALL)
    lines: list[str] = []
    hosts = cast("Fleet", Hosts(walls=Walls(loaded, placed)))
    firewall.widen(hosts, ["node1"], lines.append)
    what = "firewall: new connections from 10.0.0.9 (balancer lb1), 10.1.0.0/16 (firewall.allow)"
    assert lines == [f"    node1: {what} are admitted"]
    (arguments,) = done
    assert arguments["stamp"] == firewall.kernel(SETTINGS)["stamp"]
    assert "elements = { 10.0.0.7/32, 10.0.0.9/32, 10.1.0.0/16 }" in arguments["rules"]
    # the plan says the same before the file is in place
    assert firewall.planned_widening(hosts, cast("Any", SimpleNamespace(name="node1")), [LB1]) == what
    firewall.widen(cast("Fleet", Hosts(walls=Walls(placed, placed))), ["node1"], lines.append)
    assert len(done) == 1


# --- the scripts ---


@pytest.fixture
def programs(tmp_path: Path) -> Callable[[str, str], None]:
    """Put a stand-in for a program into the PATH of `run`."""

    def put(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return put


def run(place: Path, name: str, *words: str) -> list[str]:
    text = read(f"provision/{name}.sh").replace("/usr/sbin/", f"{place}/").replace("/etc/", f"{place}/etc/")
    path = f"{place}:/usr/bin:/bin"
    done = subprocess.run(["sh", "-c", text, name, *words], env={"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SS = """\
LISTEN     0 4096 0.0.0.0:8081         0.0.0.0:*
SYN-RECV   0 0    10.0.0.1:8081        192.0.2.66:1
ESTAB      0 0    10.0.0.1:8081        10.0.0.9:40000
TIME-WAIT  0 0    10.0.0.1:8081        10.0.0.9:40001
TIME-WAIT  0 0    10.0.0.1:8082        192.0.2.1:5
ESTAB      0 0    127.0.0.1:8081       127.0.0.1:6
ESTAB      0 0    10.0.0.1:8081        10.0.0.1:7
ESTAB      0 0    [::ffff:10.0.0.1]:80 [::ffff:10.0.0.7]:8
ESTAB      0 0    [fd00::1]:8081       [fd00::9]:40003
"""


def test_a_node_says_where_its_connections_come_from(tmp_path: Path, programs: Callable[[str, str], None]) -> None:
    programs("ss", f"[ \"$*\" = '-HtanO ( sport = :8081 or sport = :8082 )' ] && cat {tmp_path}/sockets")
    (tmp_path / "sockets").write_text(SS)
    (tmp_path / "file").write_text(render.firewall(SETTINGS, [LB1]))
    lines = run(tmp_path, "peers", "8081 8082", f"{tmp_path}/file", "10.0.0.9:40001", "10.0.0.9:4", "fd00::9:40003")
    assert firewall.PeersOfPorts().parse(lines) == Peers(
        frozenset({"10.0.0.9", "10.0.0.7", "fd00::9"}),
        frozenset({"10.0.0.9", "192.0.2.1"}),
        frozenset({"10.0.0.9:40001", "fd00::9:40003"}),
        ALL,
    )
    assert firewall.PeersOfPorts().parse(run(tmp_path, "peers", "8081 8082", "/nowhere")).placed == ()


def test_a_balancer_says_how_it_reaches_the_nodes(tmp_path: Path, programs: Callable[[str, str], None]) -> None:
    programs("getent", '[ "$2" = gone ] || echo "$2 STREAM x"')
    programs("ip", '[ "$4" = 127.0.0.2 ] || echo "$4 dev eth0 src 10.0.0.9 uid 0"')
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        port, free = server.getsockname()[1], closed.getsockname()[1]
        closed.close()
        ours = f"dst 127.0.0.1 and dport = :{port}"
        programs("ss", f'case $* in *"{ours}"*) echo "0 0 10.0.0.8:5 127.0.0.1:{port}" ;; esac')
        words = (f"{port} {free}", "node1=127.0.0.1", "node2=127.0.0.2", "node3=gone")
        found = firewall.Reach().parse(run(tmp_path, "reach", "60", *words))
        link, (ip, source) = server.accept()
        assert found.sources == {"node1": "10.0.0.9"}
        assert found.contacts == (Contact("node1", port, ip, source),)
        assert found.uses == {("node1", "10.0.0.8")}
        (holder,) = found.holders
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(1)
        # the id of an ended process may belong to another program
        run(tmp_path, "release", str(os.getpid()), str(holder))
        link.settimeout(20)
        assert link.recv(1) == b""
        wait_until_dead(holder)
        assert firewall.Reach().parse(run(tmp_path, "reach", "0", *words)).holders == ()


def test_a_firewall_is_loaded_once_and_removed(tmp_path: Path, programs: Callable[[str, str], None]) -> None:
    kept = tmp_path / "table"
    programs(
        "nft", f"case $1 in list) cat {kept} 2>/dev/null ;; delete) echo delete >>{tmp_path}/said; rm {kept} ;; esac"
    )
    programs("systemctl", f'echo "$*" >>{tmp_path}/said; case $1 in reload-or-restart) : >{kept} ;; esac')
    programs("journalctl", "echo nft: no such rule")
    file, stamp, unit = tmp_path / "rules", tmp_path / "stamp", "shop-firewall.service"
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    words = ("orchestrator_shop", str(file), str(stamp), unit)

    def fits() -> bool:
        return firewall.Fits().parse(run(tmp_path, "firewall_fits", *words))

    assert fits()
    file.write_text("rules")
    assert not fits()
    run(tmp_path, "firewall", *words)
    assert fits()
    file.write_text("other rules")
    assert not fits()
    run(tmp_path, "firewall", *words)
    assert fits()
    run(tmp_path, "firewall_widen", str(stamp), "wider rules")
    assert not fits(), "the kernel has other rules than the file, also if the former file is put back"
    run(tmp_path, "firewall", *words)
    assert fits()
    kept.unlink()
    assert not fits(), "another program has removed the table"
    run(tmp_path, "firewall", *words)
    (wants / unit).symlink_to("/nowhere")
    file.unlink()
    assert not fits()
    run(tmp_path, "firewall", *words)
    assert fits()
    assert not kept.exists()
    assert not stamp.exists()
    assert not (wants / unit).is_symlink()
    # a provisioning that is undone stops the unit and removes the file, but not the stamp
    stamp.touch()
    assert not fits()


def test_a_firewall_that_the_host_refuses_says_why(tmp_path: Path, programs: Callable[[str, str], None]) -> None:
    programs("nft", "echo 'Operation not supported' >&2; exit 1")
    text = render.script("check-firewall").replace("/usr/sbin/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-c", text], env={"candidate": "x", "PATH": "/usr/bin:/bin"}, capture_output=True)
    assert done.returncode == 1
    said = done.stderr.decode().splitlines()
    assert said[0] == "Operation not supported"
    assert said[1].endswith("repair nftables, or set firewall.enabled to False")
    programs("systemctl", "[ $1 != reload-or-restart ]")
    programs("journalctl", "echo nft: no such rule")
    (tmp_path / "rules").touch()
    with pytest.raises(AssertionError, match="nft: no such rule"):
        run(
            tmp_path, "firewall", "orchestrator_shop", f"{tmp_path}/rules", f"{tmp_path}/stamp", "shop-firewall.service"
        )
    assert not (tmp_path / "stamp").exists()

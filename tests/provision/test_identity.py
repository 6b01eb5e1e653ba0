"""Provisioning writes the identity of the inventory on each host, and refuses the hosts of other inventories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typing_extensions import override

from orchestrator.config import load
from orchestrator.config.identity import Identity
from orchestrator.fleet import Fleet
from orchestrator.options import read
from orchestrator.plan.fleet_state import FleetState
from orchestrator.provision import keep_out, node, operations, walk
from orchestrator.provision.members import Listed, Members
from orchestrator.provision.work import Work
from tests.fakes.states import node as seen
from tests.plan.test_preflight import fleet as state_of
from tests.plan.test_preflight import switch

PROD = Identity("shop", "", "prod", "lb1", "10.0.0.9")
STAGING = replace(PROD, inventory="staging")
SETTINGS = load(
    {
        "app": "shop",
        "source": {"origin": "x"},
        "marker": {"answers": "all"},
        "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://b"]}],
    }
)


def hosts(**more: Any) -> Fleet:
    """The part of `Fleet` that these functions use."""
    inventory = [SimpleNamespace(name=name, connected=True) for name in ("node1", "node2", "lb1")]
    known: dict[str, Any] = {"nodes": ["node1"], "balancers": {"lb1": "haproxy"}, "is_switch": False}
    known |= {"settings": SETTINGS, "identity": PROD, "state": SimpleNamespace(inventory=inventory)}
    known |= {"address": lambda name: "10.0.0.1", "switch_of": lambda name: SETTINGS.switches[0]}
    return cast(Fleet, SimpleNamespace(**known | more))


@pytest.fixture
def as_seen(monkeypatch: pytest.MonkeyPatch) -> FleetState:
    """A fleet that the inventory `prod` provisioned, as the inventory `staging` sees it, which lacks a node."""
    found = state_of({"node1": seen(identity=PROD), "node2": seen(identity=PROD)}, {"lb1": switch(identity=PROD)})
    found = replace(found, identity=STAGING, hosts=frozenset({"lb1"}))
    monkeypatch.setattr(keep_out, "survey", lambda fleet, group: found)
    listed = Listed("10.0.0.3", "10.0.0.3", "8081", "8082", "node3")
    monkeypatch.setattr(keep_out, "lists", lambda fleet: {"lb1": (listed,)})
    return found


def test_hosts_of_another_inventory_are_the_only_problem(as_seen: FleetState) -> None:
    members, problems = keep_out.decide(hosts(), frozenset(), dict)
    assert members == Members()
    (line,) = problems
    assert line.startswith(
        "node1, node2, lb1: the application shop belongs to the inventory prod (lock and journal: lb1)"
    )
    # the name of a node that leaves is right for the other inventory, or wrong for both: that is told later
    assert keep_out.decide(hosts(), frozenset({"node9"}), dict)[1] == problems


def test_the_place_of_an_inventory_is_taken_by_its_name(as_seen: FleetState) -> None:
    replaces = read("provision", {"replaces": "prod,old"}).replaces
    assert replaces == {"prod", "old"}
    members, problems = keep_out.decide(hosts(), frozenset(), dict, replaces)
    assert [line.partition(":")[0] for line in problems] == [
        "lb1 sends requests to node3, which is not in this inventory"
    ]
    assert members.lists


class Recorded(Work):
    """Keeps the names and paths of all operations."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, object]] = []

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: object) -> bool:
        assert operation is operations.file
        self.said.append((what, arguments))
        return True


def test_the_identity_is_the_first_file_on_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"path": "/etc/orchestrator/shop/inventory", "text": PROD.text}
    host: Any = SimpleNamespace(name="lb1")
    for kind, at in ((node, walk.place_node), (walk.KINDS["haproxy"], walk.place_balancer)):
        work = Recorded()
        monkeypatch.setattr(kind, "place", lambda work, *rest: work.do("the rest", operations.file))
        at(hosts(), Members(), work, host)
        assert work.said == [("identity of the inventory", place), ("the rest", {})]


class Inventory(list[Any]):
    """The part of pyinfra's inventory that `Fleet` uses for the identity."""

    @property
    def groups(self) -> dict[str, list[Any]]:
        return {"nodes": self[:1], "haproxy": self[1:], "prod": self[:]}

    @property
    def hosts(self) -> dict[str, Any]:
        return {host.name: host for host in self}

    def get_host(self, name: str) -> Any:
        return self.hosts[name]


@pytest.mark.parametrize(("journal", "place"), [({}, ("lb1", "10.0.0.9")), ({"host": "node1"}, ("node1", "10.0.0.1"))])
def test_a_fleet_knows_its_identity(journal: dict[str, str], place: tuple[str, str]) -> None:
    node1 = SimpleNamespace(name="node1", data={"address": "10.0.0.1", "ssh_hostname": "web1.test"})
    lb1 = SimpleNamespace(name="lb1", data={"ssh_hostname": "10.0.0.9"})
    # without the connections that a fleet makes
    fleet = Fleet.__new__(Fleet)
    fleet.state = cast(Any, SimpleNamespace(inventory=Inventory([node1, lb1])))
    fleet.settings = load(SETTINGS.model_dump() | {"journal": journal})
    fleet.nodes, fleet.balancers = ["node1"], {"lb1": "haproxy"}
    assert fleet.identity == replace(PROD, journal=place[0], address=place[1])
    assert fleet.known_as == {"node1", "lb1", "10.0.0.1", "10.0.0.9"}

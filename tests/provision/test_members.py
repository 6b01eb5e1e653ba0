"""Which nodes must not get traffic yet, and which nodes leave the fleet: pure decisions of provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.config.ports import Ports
from orchestrator.errors import UsageError
from orchestrator.facts.node import NodeState
from orchestrator.journal.history import RunHistory
from orchestrator.model import Color, Weights
from orchestrator.plan.fleet_state import FleetState
from orchestrator.provision import members
from orchestrator.provision.members import Listed, Roll
from orchestrator.switches.base import Seen
from tests.fakes.states import BLUE, GREEN, LIVE, OLD, node

BAR = "/usr/local/lib/orchestrator/shop/bar"

NODES = {"node1": "10.0.0.1", "node2": "10.0.0.2", "node3": "10.0.0.3"}


EMPTY = node(provisioned=False, live=None, release={BLUE: None, GREEN: None})
NEW = replace(EMPTY, provisioned=True, live=BLUE)
SERVING_GREEN = replace(node(), live=GREEN)
OTHER = node(release={BLUE: OLD, GREEN: OLD})
ALL_BLUE = Seen(Weights(0), Weights(0), None, "xfs")


def fleet(
    nodes: Mapping[str, NodeState | str] | None = None, switches: Mapping[str, Seen | str] | None = None
) -> FleetState:
    """Three nodes and one balancer that sends all traffic to blue, but for what is given."""
    all_nodes = dict.fromkeys(NODES, node()) | dict(nodes or {})
    all_switches = {"lb1": ALL_BLUE} if switches is None else switches
    kinds = {name: ("node" if name in all_nodes else "balancer", "haproxy") for name in all_switches}
    return FleetState(all_nodes, all_switches, kinds, NODES)  # type: ignore[arg-type]


def link(color: Color) -> Seen:
    weights = Weights.all_to(color)
    return Seen(weights, weights, None, "xfs")


NOT_BEFORE = "was not provisioned before"
NONE = "has no release in blue, which gets traffic"
WRONG = f"has release {OLD} in blue, which gets traffic, and the other nodes have {LIVE}"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(fleet(), {}, id="all have it"),
        pytest.param(fleet({"node3": EMPTY}), {"node3": NOT_BEFORE}, id="empty server"),
        pytest.param(fleet({"node3": replace(node(), provisioned=False)}), {"node3": NOT_BEFORE}, id="reinstalled"),
        pytest.param(fleet({"node3": NEW}), {"node3": NONE}, id="provisioned, no release"),
        pytest.param(fleet({"node1": OTHER}), {"node1": WRONG}, id="restored"),
        pytest.param(fleet({"node2": EMPTY, "node3": NEW}), {"node2": NOT_BEFORE, "node3": NONE}, id="two new servers"),
        # green gets no traffic, so its releases do not matter
        pytest.param(fleet({"node3": node(release={BLUE: LIVE, GREEN: None})}), {}, id="idle color"),
        # a fleet before its first release
        pytest.param(fleet(dict.fromkeys(NODES, NEW)), {}, id="no release yet"),
        pytest.param(fleet(dict.fromkeys(NODES, EMPTY), {"lb1": "no weight"}), {}, id="nothing yet"),
        pytest.param(fleet({"node3": EMPTY}, {"lb1": "no weight"}), {}, id="no switch says a color"),
        # a new balancer says nothing, and the other one still sends traffic
        pytest.param(
            fleet({"node3": EMPTY}, {"lb1": ALL_BLUE, "lb2": "no weight"}), {"node3": NOT_BEFORE}, id="new balancer"
        ),
        pytest.param(
            fleet({"node3": node(release={BLUE: LIVE, GREEN: None})}, {"lb1": Seen(Weights(25), Weights(25), None)}),
            {"node3": "has no release in green, which gets traffic"},
            id="traffic is split",
        ),
        # the nodes are the switches, and a new node has no link
        pytest.param(
            fleet(
                {"node3": EMPTY}, {"node1": link(BLUE), "node2": link(BLUE), "node3": "its live link names no color"}
            ),
            {"node3": NOT_BEFORE},
            id="node switch",
        ),
    ],
)
def test_a_node_without_the_live_release_is_lacking(found: FleetState, expected: dict[str, str]) -> None:
    assert members.lacking(found, {}, BAR) == (expected, [])


@pytest.mark.parametrize(
    ("found", "live"),
    [
        pytest.param(fleet(), BLUE, id="a balancer says blue"),
        # the only balancer was replaced: it must not send users to the first color of the settings
        pytest.param(fleet(dict.fromkeys(NODES, SERVING_GREEN), {"lb1": "no weight"}), GREEN, id="new only balancer"),
        pytest.param(
            fleet(dict.fromkeys(NODES, SERVING_GREEN) | {"node3": EMPTY}, {"lb1": "no weight"}),
            GREEN,
            id="new only balancer and a new node",
        ),
        pytest.param(fleet({"node1": SERVING_GREEN}, {"lb1": "no weight"}), None, id="links differ"),
        pytest.param(fleet(dict.fromkeys(NODES, NEW), {"lb1": "no weight"}), None, id="no release yet"),
        pytest.param(fleet(switches={"lb1": Seen(Weights(25), Weights(25), None)}), None, id="traffic is split"),
    ],
)
def test_a_new_only_balancer_gets_the_color_of_the_nodes(found: FleetState, live: Color | None) -> None:
    assert members.decided(found, {}, {}).live == live


def test_a_switch_that_splits_the_traffic_is_a_problem() -> None:
    halves = Seen(Weights(50), Weights(50), None, "xfs")
    assert members.split(fleet(switches={"lb1": ALL_BLUE, "lb2": "no weight"})) == []
    (line,) = members.split(fleet(switches={"lb1": ALL_BLUE, "lb2": halves}))
    assert line.startswith("lb2 splits the traffic (50% to green): first end the unfinished run")


def test_the_journal_decides_which_release_is_right() -> None:
    found = fleet({"node1": OTHER, "node2": OTHER})
    assert members.disagree(found)
    assert list(members.lacking(found, {}, BAR)[0]) == ["node3"]
    assert list(members.lacking(found, {BLUE: LIVE}, BAR)[0]) == ["node1", "node2"]
    # the journal of a new first node does not know the release
    assert list(members.lacking(found, {BLUE: "20250101T000000Z-ccccccc"}, BAR)[0]) == ["node3"]
    assert not members.disagree(fleet({"node3": EMPTY}))


def test_a_barred_node_does_not_say_what_is_right() -> None:
    found = fleet({"node1": OTHER, "node2": OTHER}, {"lb1": replace(ALL_BLUE, barred=("10.0.0.1", "10.0.0.2"))})
    assert not members.disagree(found)
    assert list(members.lacking(found, {}, BAR)[0]) == ["node1", "node2"]


def test_two_releases_on_as_many_nodes_are_a_problem() -> None:
    lacking, [problem] = members.lacking(fleet({"node1": OTHER, "node3": EMPTY}), {}, BAR)
    assert list(lacking) == ["node3"]
    assert problem.startswith("the nodes disagree about the release of blue, which gets traffic (node1 has")
    assert problem.endswith(f"as root on every balancer: {BAR} ADDRESS on")


def test_a_silent_node_is_a_problem_only_if_the_fleet_serves() -> None:
    assert members.lacking(fleet({"node2": "took longer than 5 s"}), {}, BAR) == (
        {},
        ["node2: took longer than 5 s, so it is unknown whether the node has the live release"],
    )
    assert members.lacking(fleet({"node1": NEW, "node2": "lost", "node3": NEW}), {}, BAR) == ({}, [])


def test_the_newest_committed_run_says_the_release_of_a_color() -> None:
    def run(color: str, release: str, committed: bool = True) -> RunHistory:
        inputs = {"color": color, "release": release}
        return RunHistory("release", "ann", "now", inputs, (), (), committed, False, "", None, "")

    runs = [run("blue", "r1"), run("green", "r2"), run("blue", "r3"), run("green", "r4", committed=False)]
    empty = replace(runs[0], inputs=None)
    assert members.committed([*runs, empty]) == {BLUE: "r3", GREEN: "r2"}


# --- the lists of the balancers

ONE, TWO, THREE = (
    Listed(f"10.0.0.{number}", f"10.0.0.{number}", "8081", "8082", f"node{number}") for number in (1, 2, 3)
)
FORMER = replace(THREE, name="")
"""A line that version 0.1 wrote."""

TWO_NODES = {"node1": "10.0.0.1", "node2": "10.0.0.2"}


def test_a_list_is_read_with_names_and_without() -> None:
    text = "10.0.0.1 10.0.0.1 8081 8082 node1\n10.0.0.3 10.0.0.3 8081 8082\n\nbroken line\n"
    assert members.listed(text) == (ONE, FORMER)
    assert [one.line for one in (ONE, FORMER)] == text.splitlines()[:2]
    assert [one.label for one in (ONE, FORMER)] == ["node1", "10.0.0.3"]
    assert members.listed("") == ()


@pytest.mark.parametrize(
    ("known", "nodes", "leaving", "moved"),
    [
        ([ONE, TWO], TWO_NODES, (), ()),
        ([ONE, TWO, THREE], TWO_NODES, (THREE,), ()),
        ([ONE, TWO, FORMER], TWO_NODES, (FORMER,), ()),
        ([ONE, TWO, FORMER], NODES, (), ()),
        # another name for the same address, another address for the same name
        ([ONE, TWO, THREE], {**TWO_NODES, "web3": "10.0.0.3"}, (), ()),
        ([ONE, TWO, THREE], {**TWO_NODES, "node3": "10.0.0.9"}, (), (THREE,)),
        ([], NODES, (), ()),
    ],
)
def test_a_node_leaves_if_name_and_address_are_gone(
    known: list[Listed], nodes: dict[str, str], leaving: tuple[Listed, ...], moved: tuple[Listed, ...]
) -> None:
    assert (members.leaving(known, nodes), members.moved(known, nodes)) == (leaving, moved)


@pytest.mark.parametrize(
    ("found", "ports", "expected"),
    [
        pytest.param(fleet(), Ports(), [], id="the same"),
        pytest.param(fleet(), Ports(green=8092), [], id="the color without traffic"),
        pytest.param(fleet(), Ports(blue=8091), ["blue"], id="the color with the traffic"),
        pytest.param(
            fleet(switches={"lb1": Seen(Weights(25), Weights(25), None)}),
            Ports(blue=8091, green=8092),
            ["blue", "green"],
            id="traffic is split",
        ),
        pytest.param(fleet(dict.fromkeys(NODES, NEW)), Ports(blue=8091), [], id="no release yet"),
    ],
)
def test_the_port_of_a_color_with_traffic_stays(found: FleetState, ports: Ports, expected: list[str]) -> None:
    former = {"blue": 8081, "green": 8082}
    other = {"blue": "green", "green": "blue"}
    assert members.moved_ports(found, {"lb1": (ONE, TWO), "lb2": (ONE, TWO), "new": ()}, ports) == [
        f"lb1 and lb2 send users' requests to {color} on port {former[color]}: set ports.{color} to {former[color]}, "
        f"and change the port after the next release, when {other[color]} has all the traffic"
        for color in expected
    ]


def missing(lists: Mapping[str, list[Listed]], nodes: Mapping[str, str], *removed: str) -> list[str]:
    return members.missing("shop", lists, nodes, frozenset(removed))


END = "If this inventory is another deployment of shop on the same servers, give the deployment a different name"


def test_a_missing_node_is_a_problem_with_two_ways_out() -> None:
    assert missing({"lb1": [ONE, TWO, THREE], "lb2": [ONE, TWO]}, TWO_NODES) == [
        "lb1 sends requests to node3, which is not in this inventory: if this node is to leave the fleet, add "
        f"--data remove=node3. {END} (setting deployment, such as staging)"
    ]
    [line] = missing({"lb1": [ONE, TWO, THREE], "lb2": [ONE, TWO, THREE]}, {"node1": "10.0.0.1"})
    assert line.startswith("lb1 and lb2 send requests to node2 and node3, which are not in this inventory")
    assert "add --data remove=node2,node3." in line


def test_every_list_is_checked_by_itself() -> None:
    found = missing({"lb1": [ONE, THREE], "lb2": [ONE, TWO], "lb3": []}, {"node1": "10.0.0.1"})
    assert [line.partition(",")[0] for line in found] == ["lb1 sends requests to node3", "lb2 sends requests to node2"]


@pytest.mark.parametrize("removed", ["node3", "10.0.0.3"])
def test_a_node_that_shall_go_is_no_problem(removed: str) -> None:
    lists = {"lb1": [ONE, TWO, THREE]}
    assert missing(lists, TWO_NODES, removed) == []
    members.check_removed(frozenset({removed}), lists, TWO_NODES)
    [line] = missing(lists, {"node1": "10.0.0.1"}, "node3")
    assert "requests to node2, which" in line
    assert "remove=node2,node3." in line


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (
            "node9",
            r"--data remove=node9: no balancer has a node node9 in its list \(the lists have node1, node2, node3\)",
        ),
        ("node2", "--data remove=node2: node2 is in the inventory: first remove node2 from the inventory"),
        ("10.0.0.2", "--data remove=10.0.0.2: 10.0.0.2 is in the inventory"),
    ],
)
def test_a_wrong_name_in_remove_is_refused(removed: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        members.check_removed(frozenset({removed, "node3"}), {"lb1": [ONE, TWO, THREE]}, TWO_NODES)


# --- what is decided


def test_a_balancer_bars_what_lacks_the_release_and_keeps_lines() -> None:
    found = fleet({"node3": EMPTY})
    decided = members.decided(found, {"lb1": [ONE, TWO]}, {"node3": NOT_BEFORE})
    assert decided.roll("lb1") == Roll(("10.0.0.3",))
    assert (decided.live, decided.answering) == (BLUE, ())
    assert decided.warnings == [
        "node3 is barred, because it was not provisioned before: bring it into the traffic with "
        "deploys/join.py --data node=node3"
    ]


def test_a_node_that_was_barred_stays_so_at_a_new_balancer() -> None:
    found = fleet(switches={"lb1": replace(ALL_BLUE, barred=("10.0.0.2",)), "lb2": "no weight"})
    decided = members.decided(found, {"lb1": [ONE, TWO, THREE], "lb2": []}, {})
    assert (decided.roll("lb1").barred, decided.roll("lb2").barred) == ((), ("10.0.0.2",))
    assert decided.warnings == ["node2 is barred: bring it into the traffic with deploys/join.py --data node=node2"]


def test_a_barred_node_that_moves_stays_barred() -> None:
    there = replace(THREE, address="10.0.0.9")
    found = fleet(switches={"lb1": replace(ALL_BLUE, barred=("10.0.0.9",))})
    decided = members.decided(found, {"lb1": [ONE, TWO, there]}, {})
    assert decided.roll("lb1") == Roll(("10.0.0.3",), (), (there,))


def test_a_fleet_that_does_not_serve_asks_for_no_join() -> None:
    found = fleet(dict.fromkeys(NODES, NEW), {"lb1": replace(ALL_BLUE, barred=("10.0.0.2",))})
    decided = members.decided(found, {"lb1": [ONE, TWO, THREE]}, {})
    assert (decided.warnings, decided.live) == ([], None)


def test_a_restored_node_may_be_answering() -> None:
    decided = members.decided(fleet({"node1": OTHER, "node3": EMPTY}), {}, {"node1": WRONG, "node3": NOT_BEFORE})
    assert decided.answering == ("node1",)


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({}, ["node1", "node2", "node3"]),
        ({"barred": ("10.0.0.2",)}, ["node1", "node3"]),
        ({"out": ("node3",)}, ["node1", "node2"]),
        ({"down": {Color.blue: ("node1",), Color.green: ("node2",)}}, ["node2", "node3"]),
        ({"barred": ("node1",), "out": ("node2",), "down": {Color.blue: ("node3",), Color.green: ()}}, []),
    ],
)
def test_a_node_that_is_out_at_one_balancer_takes_no_traffic(more: dict[str, Any], left: list[str]) -> None:
    state = fleet(switches={"lb1": ALL_BLUE, "lb2": replace(ALL_BLUE, **more)})
    assert members.takers(NODES, state, Color.blue) == left


def test_the_nodes_that_are_out_are_known_for_each_balancer() -> None:
    state = fleet(switches={"lb1": ALL_BLUE, "lb2": replace(ALL_BLUE, barred=("10.0.0.2",), out=("node3",))})
    assert members.out_at(state) == {"lb1": set(), "lb2": {"node2", "node3"}}


def test_a_node_with_the_mark_of_a_drain_is_known() -> None:
    decided = members.decided(fleet({"node2": node(draining=True), "node3": "no answer"}), {}, {})
    assert decided.draining == ("node2",)

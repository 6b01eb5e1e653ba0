"""Which nodes are drained before their configuration is loaded, and where they are barred meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.provision.drains import Drain, decide
from tests.fakes.states import BLUE
from tests.provision.test_members import ALL_BLUE, NODES, fleet

BOTH = ("lb1", "lb2")
SERVES = "the node serves traffic, so it is drained first"


@pytest.mark.parametrize(
    ("more", "served", "disturbed", "found"),
    [
        ({}, [*NODES], ["node2"], {"node2": Drain(True, BOTH)}),
        ({}, [*NODES], [*NODES], dict.fromkeys(NODES, Drain(True, BOTH))),
        # node3 lacks the live release, or nothing is served
        ({}, ["node1"], ["node1", "node3"], {"node1": Drain(True, alone=True)}),
        ({}, [], [*NODES], {}),
        # a node that is out at a balancer stays out there
        ({"out": ("node2",)}, [*NODES], ["node2"], {"node2": Drain(True, ("lb1",))}),
        ({"out": ("node2", "node3")}, [*NODES], ["node1"], {"node1": Drain(True, alone=True)}),
        ({"down": {BLUE: ("node2", "node3")}}, [*NODES], ["node1"], {"node1": Drain(True, alone=True)}),
    ],
)
def test_disturbed_nodes_are_drained_where_they_serve(
    more: dict[str, Any], served: list[str], disturbed: list[str], found: dict[str, Drain]
) -> None:
    state = fleet(switches={"lb1": ALL_BLUE, "lb2": replace(ALL_BLUE, **more)})
    assert decide(state, BLUE, served, disturbed, BOTH) == found


def test_a_node_that_is_out_everywhere_needs_no_drain() -> None:
    state = fleet(switches={"lb1": replace(ALL_BLUE, barred=("10.0.0.2",))})
    assert decide(state, BLUE, [*NODES], ["node2"], ["lb1"]) == {"node2": Drain(False)}


def test_without_balancers_each_node_serves() -> None:
    assert decide(fleet(switches={}), BLUE, [*NODES], ["node2"], []) == {"node2": Drain(True)}


def test_a_drain_says_what_it_does() -> None:
    assert Drain(False).note == ""
    assert Drain(True, BOTH).note == SERVES
    assert Drain(True, alone=True).note == f"{SERVES}, but not barred, because it is the only node"

"""In which releases a command of the operator runs, and when it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import Refused
from orchestrator.facts.node import NodeState
from orchestrator.model import Weights
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.sessions import Session, sessions
from orchestrator.switches.base import Seen
from tests.fakes.states import BLUE, GREEN, LIVE, OLD, node

SEEN = Seen(Weights.all_to(BLUE), Weights.all_to(BLUE), None)


def fleet(*nodes: NodeState | str, barred: tuple[str, ...] = ()) -> FleetState:
    names = [f"node{number}" for number in range(1, len(nodes) + 1)]
    seen = Seen(SEEN.weights, SEEN.kept, None, barred=barred)
    known: Any = dict(zip(names, nodes, strict=True))
    return FleetState(known, {"lb": seen}, {"lb": ("balancer", "haproxy")}, {name: name for name in names})


def test_a_command_runs_in_the_release_of_its_color() -> None:
    state = fleet(node(), node(live=GREEN))
    assert sessions(state, ["node1", "node2"], idle=False) == [
        Session("node1", BLUE, LIVE, True),
        Session("node2", GREEN, OLD, True),
    ]
    assert sessions(state, ["node1"], idle=True) == [Session("node1", GREEN, OLD, False)]


def test_the_live_release_can_be_used_while_a_run_is_at_work() -> None:
    assert sessions(fleet(node()), ["node1"], idle=False, at_work="a run") == [Session("node1", BLUE, LIVE, True)]


@pytest.mark.parametrize(
    ("state", "idle", "at_work", "message"),
    [
        (fleet("cannot be reached"), False, "", "nothing was run: node1 cannot be reached"),
        (fleet("its answer is empty"), False, "", "nothing was run: node1: its answer is empty"),
        (fleet(node(provisioned=False)), False, "", "node1 is not provisioned: run deploys/provision.py"),
        (fleet(node(live=None)), False, "", "node1 has no link `live`"),
        (fleet(node(), barred=("node1",)), False, "", "node1 gets no traffic until it has joined"),
        (fleet(node(release={BLUE: None, GREEN: OLD})), False, "", "node1 has no release in the live color blue"),
        (fleet(node(release={BLUE: LIVE, GREEN: None})), True, "", "node1 has no release in the idle color green"),
        (fleet(node(barrier=LIVE)), True, "", f"green has the release {OLD}, and no release older than {LIVE} can run"),
        (fleet(node()), True, "a run is at work", "may change the release of the idle color now: a run is at work"),
    ],
)
def test_a_command_is_refused(state: FleetState, idle: bool, at_work: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        sessions(state, ["node1"], idle, at_work)
    assert message in str(refused.value)


def test_no_node_runs_a_command_that_one_node_cannot_run() -> None:
    with pytest.raises(Refused, match=r"nothing was run: node2 cannot be reached; node3 gets no traffic") as refused:
        sessions(fleet(node(), "cannot be reached", node(), barred=("node3",)), ["node1", "node2", "node3"], idle=False)
    assert "node1" not in str(refused.value)

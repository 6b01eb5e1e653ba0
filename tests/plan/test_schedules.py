"""Which node runs the single-node schedules: never two nodes, and no other while this is uncertain."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import Settings
from orchestrator.facts.node import NodeState
from orchestrator.facts.schedule import Runs, ScheduleState
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import ScheduleInput
from orchestrator.plan.schedules import changes, holder, joining
from tests.fakes.states import node
from tests.plan.test_preflight import settings

WITH = settings(schedule=[{"name": "tick", "command": "bin/tick"}])
NOTHING: Any = None
SILENT = "cannot be reached"


def note(runs: Runs | None = None, number: int = 1, at: str = "node1") -> NodeState:
    """A node with a note about schedules: what the node runs, the number of the run, and who runs those of one node."""
    return node(schedule=ScheduleState(runs, number, at) if runs else ScheduleState())


def fleet(*nodes: NodeState | str) -> FleetState:
    names = [f"node{number}" for number in range(1, len(nodes) + 1)]
    return FleetState(dict(zip(names, nodes, strict=True)), {}, {}, {name: name for name in names})


def changed(*nodes: NodeState | str, outside: tuple[str, ...] = (), made: Settings = WITH, **more: Any) -> Any:
    state = fleet(*nodes)
    return changes(state, made, [name for name in state.nodes if name not in outside], **more)


def test_the_first_run_chooses_the_first_node() -> None:
    found = changed(note(), note(), note())
    assert found == ScheduleInput("node1", each=("node2", "node3"), one="node1")


def test_a_run_changes_nothing_while_the_notes_agree() -> None:
    assert changed(note("one"), note("each"), note("each")) is None
    # the first node of the inventory does not take the schedules back
    assert changed(note("each", at="node2"), note("one", at="node2")) is None


def test_a_fleet_without_schedules_has_no_changes() -> None:
    assert changed(note(), note(), made=settings()) is None
    assert joining(fleet(note(), note()), settings(), "node2") is None


def test_a_new_node_never_gets_the_schedules_of_one_node() -> None:
    assert changed(note("one"), note()) == ScheduleInput("node1", each=("node2",))


def test_a_node_that_is_left_out_gives_the_schedules_to_another() -> None:
    found = changed(note("one"), note("each"), note("each"), outside=("node1",))
    assert found == ScheduleInput("node2", each=("node3",), none=("node1",), one="node2", after=("node1",))


def test_a_node_that_is_silent_keeps_the_schedules_of_one_node() -> None:
    found = changed(SILENT, note("each"), note("each"), outside=("node1",))
    assert found == ScheduleInput("node1", none=("node1",))
    assert not holder(fleet(SILENT, note("each"))).answers


def test_no_node_is_chosen_while_a_silent_node_may_have_been() -> None:
    assert changed(SILENT, note(), outside=("node1",)) == ScheduleInput("", none=("node1",))
    assert changed(SILENT, note("none"), outside=("node1",)) == ScheduleInput("node1", each=("node2",), none=("node1",))


def test_a_node_that_left_the_inventory_is_replaced() -> None:
    found = changed(note("each", at="node9"), note("each", at="node9"))
    assert found == ScheduleInput("node1", each=("node2",), one="node1")


def test_a_word_of_the_operator_replaces_a_node_that_is_gone() -> None:
    found = changed(SILENT, note("each"), note("each"), outside=("node1",), gone={"node1"})
    assert found == ScheduleInput("node2", each=("node3",), one="node2")
    named = changed(SILENT, note("each"), note("each"), outside=("node1",), gone={"node1"}, to="node3")
    assert named == ScheduleInput("node3", each=("node2",), one="node3")


def test_a_node_that_comes_back_loses_the_schedules_of_one_node() -> None:
    came_back, present = note("one", 3), note("one", 7, "node2")
    found = changed(came_back, present)
    assert found == ScheduleInput("node2", each=("node1",))
    assert holder(fleet(came_back, present)).others == ("node1",)
    assert joining(fleet(came_back, present), WITH, "node1") == ScheduleInput("node2", each=("node1",))


def test_the_operator_may_choose_another_node() -> None:
    found = changed(note("one"), note("each"), to="node2")
    assert found == ScheduleInput("node2", each=("node1",), one="node2", after=("node1",))


def test_a_hand_over_that_stopped_half_way_is_completed() -> None:
    assert changed(note("each", 5, "node2"), note("each", 1)) == ScheduleInput("node2", one="node2")


@pytest.mark.parametrize(("holds", "one", "each"), [("node2", "node2", ()), ("node1", "", ("node2",))])
def test_a_node_that_joins_runs_what_it_ran_before(holds: str, one: str, each: tuple[str, ...]) -> None:
    found = joining(fleet(note("each", at=holds), note("none", at=holds)), WITH, "node2")
    assert found == ScheduleInput(holds, each=each, one=one)

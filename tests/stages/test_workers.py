"""New workers start when their release has the traffic; old workers end after the commit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.model import Color
from orchestrator.plan.inputs import Closes, WorkersInput
from orchestrator.plan.steps import Stage
from orchestrator.stages import plan
from orchestrator.stages.workers import DAY, StartWorkers, StopWorkers
from tests.stages import plans

BOTH = (Color.blue, Color.green)


def stages(verb: str, settings: str = "workers", full: bool = False, **changes: Any) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan(plans.inputs(verb, settings, full, **changes)).stages}


def only(names: dict[str, Stage]) -> list[str]:
    """The stages of workers, with those that decide where they stand."""
    marks = ("start", "cutover 10%", "cutover", "bake", "proof", "promote", "start live", "unbar", "prune")
    return [name for name in names if "workers" in name or name in marks]


def test_workers_start_with_traffic_and_end_after_the_commit() -> None:
    assert only(stages("release")) == [
        *("quiet workers", "start", "start workers 0%", "cutover 10%", "start workers 10%"),
        *("cutover", "start workers", "bake", "proof", "promote", "retire workers", "prune"),
    ]
    warm = ["quiet workers", "start workers 0%", "cutover", "start workers", "proof", "promote", "retire workers"]
    assert only(stages("rollback")) == warm
    assert only(stages("rollback", full=True)) == ["quiet workers", "start", *warm[1:]]


def test_each_stage_starts_the_workers_of_its_moment() -> None:
    found = stages("release")
    names = ("start workers 0%", "start workers 10%", "start workers")
    assert [found[name].do[0].action for name in names] == [
        StartWorkers(Color.green, ("mail",)),
        StartWorkers(Color.green, ("queue",)),
        StartWorkers(Color.green),
    ]


def test_only_the_first_start_is_undone() -> None:
    found = stages("release")
    starts = {name: [back.name for back in stage.undo] for name, stage in found.items() if "start workers" in name}
    assert starts == {"start workers 0%": ["stop workers"], "start workers 10%": [], "start workers": []}


def test_an_undo_first_moves_the_traffic_and_then_waits_for_jobs() -> None:
    found = stages("release")
    undone = [(back.name, step.action) for stage in reversed(found.values()) for back in stage.undo for step in back.do]
    names = list(dict.fromkeys(name for name, action in undone if isinstance(action, StopWorkers)))
    assert names == ["stop workers", "end workers"]
    assert {action for name, action in undone if name == "stop workers"} == {StopWorkers((Color.green,), waits=False)}
    assert {action for name, action in undone if name == "end workers"} == {StopWorkers((Color.green,))}
    order = list(dict.fromkeys(name for name, _ in undone))
    assert order.index("switch back") < order.index("end workers") < order.index("discard")


def test_without_a_canary_no_worker_is_undone_twice() -> None:
    one: dict[str, Any] = {"workers": [{"name": "queue", "command": "bin/queue"}], "cutover": [{"weight": 100}]}
    found = stages("release", **one)
    assert [name for name in found if name.startswith("start workers")] == ["start workers"]
    assert [back.name for back in found["start workers"].undo] == ["stop workers"]


def test_nodes_outside_of_the_run_are_told_to_end_their_workers() -> None:
    told = {step.place.name: step.action for step in stages("release", full=True)["retire workers"].do}
    ours = StopWorkers((Color.blue,), keep="green")
    assert told == {
        **dict.fromkeys(("node1", "node2"), ours),
        "node3": StopWorkers(BOTH, keep="none", waits=False, outside=True),
    }
    assert told["node3"].advisory
    assert not told["node1"].advisory


def test_a_node_that_answers_late_gets_the_workers_of_the_color() -> None:
    # a rollback does not bar a silent node, so the node may have traffic when it answers again
    made = plans.inputs("rollback", "workers")
    found = {stage.name: stage for stage in plan(replace(made, workers=WorkersInput((), ("node2",)))).stages}
    for name in ("quiet workers", "start workers 0%", "start workers"):
        assert [step.place.name for step in found[name].do] == ["node1"], name
    told = {step.place.name: step.action for step in found["retire workers"].do}
    assert told["node1"] == StopWorkers((Color.blue,), keep="green")
    assert told["node2"] == StopWorkers((Color.blue,), keep="green", waits=False, outside=True)


def test_a_warm_rollback_waits_for_no_job_before_the_cutover() -> None:
    warm, cold = (stages("rollback", full=full)["quiet workers"] for full in (False, True))
    assert {step.action for step in warm.do} == {StopWorkers((Color.green,), waits=False)}
    assert {step.action for step in cold.do} == {StopWorkers((Color.green,))}
    for stage in (warm, cold):
        assert {step.action for step in stage.undo[0].do} == {StopWorkers((Color.green,))}


def test_a_release_that_closes_the_site_ends_its_first_workers() -> None:
    first: dict[str, Any] = {"name": "queue", "command": "bin/queue", "share": "first"}
    steps = [{"weight": 5, "bake": 1}, {"weight": 100}]
    made = plans.inputs("release", "workers", workers=[first], cutover=steps)
    cases: list[tuple[Closes, str]] = [("", "5%"), ("page", "")]
    for closes, weight in cases:
        found = {stage.name: stage for stage in plan(replace(made, closes=closes)).stages}
        undo = found[f"start workers {weight}".strip()].undo
        assert [back.name for back in undo] == ["stop workers"], closes


def test_a_node_that_joins_starts_the_live_workers() -> None:
    found = stages("join")
    assert only(found) == ["quiet workers", "start live", "start workers", "unbar"]
    assert [step.action for step in found["quiet workers"].do] == [StopWorkers(BOTH)]
    assert [step.action for step in found["start workers"].do] == [StartWorkers(Color.green, hold=True)]


@pytest.mark.parametrize(("over", "seconds"), [("leave", 60 + 60), ("kill", 60 + 60), ("wait", 60 + DAY)])
def test_a_run_waits_as_the_setting_says(over: str, seconds: float) -> None:
    found = stages("release", workers=[{"name": "queue", "command": "bin/queue", "over": over}])
    assert {step.deadline for step in found["retire workers"].do} == {seconds}


def test_a_run_without_workers_has_no_stage_for_them() -> None:
    for verb in ("release", "rollback", "join"):
        assert [name for name in stages(verb, "everything", full=True) if "workers" in name] == []

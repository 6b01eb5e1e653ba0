"""The note about schedules changes after the commit, and no second node starts before the first has stopped."""

from __future__ import annotations

from orchestrator.facts.schedule import Job, ScheduleState
from orchestrator.plan.steps import Stage
from orchestrator.run.handlers.hold_schedule import obstacle
from orchestrator.stages import plan
from orchestrator.stages.schedule import JOBS, HoldSchedule
from tests.stages import plans


def stages(verb: str, full: bool) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan(plans.inputs(verb, "schedule", full)).stages}


def steps(stage: Stage) -> dict[str, HoldSchedule]:
    return {step.place.name: step.action for step in stage.do if isinstance(step.action, HoldSchedule)}


def test_the_schedules_of_one_node_move_after_the_commit() -> None:
    for verb in ("release", "rollback"):
        found = stages(verb, full=True)
        order = [name for name in found if name in ("proof", "promote", "end schedule", "start schedule")]
        assert order == ["proof", "promote", "end schedule", "start schedule"]
        assert steps(found["end schedule"]) == {
            "node2": HoldSchedule("each", "node1"),
            "node3": HoldSchedule("none", "node1", outside=True),
        }
        assert steps(found["start schedule"]) == {"node1": HoldSchedule("one", "node1", ("node3",))}
        assert found["start schedule"].do[0].deadline > JOBS
        assert not found["end schedule"].undo


def test_a_run_that_changes_nothing_has_no_stage() -> None:
    assert [name for name in stages("release", full=False) if "schedule" in name] == ["start schedule"]
    plain = plan(plans.inputs("release", "plain"))
    assert not [stage for stage in plain.stages if "schedule" in stage.name]


def test_a_node_that_joins_runs_no_schedule_until_its_end() -> None:
    found = stages("join", full=True)
    order = [name for name in found if name in ("end schedule", "start live", "start idle", "start schedule", "unbar")]
    assert order == ["end schedule", "start live", "start idle", "start schedule", "unbar"]
    assert steps(found["end schedule"]) == {"node2": HoldSchedule("none", "node1")}
    assert steps(found["start schedule"]) == {"node2": HoldSchedule("each", "node1")}
    assert [steps(back) for back in found["start schedule"].undo] == [{"node2": HoldSchedule("none", "node1")}]


def test_another_node_waits_for_the_commands_that_run() -> None:
    job = Job("tick", "activating", 7, 75, "success", "r1")
    assert obstacle("node1", ScheduleState("one", 1, "node1"), ["tick"]) == (
        "node1 still runs the single-node schedules"
    )
    assert obstacle("node1", ScheduleState("each", jobs=(job,)), ["tick"]) == "node1 still runs tick (75 s)"
    # a command of a schedule of each node may run on both nodes
    assert obstacle("node1", ScheduleState("each", jobs=(job,)), ["other"]) == ""
    ended = Job("tick", "inactive", 0, 0, "success", "")
    assert obstacle("node1", ScheduleState("none", jobs=(ended,)), ["tick"]) == ""

"""What a run says about processes of workers: which have ended too early, and which go on too long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.config.worker import Worker
from orchestrator.facts.workers import WorkerProcess, WorkerState, parse
from orchestrator.model import Color
from orchestrator.run.handlers.start_workers import detail, judge
from orchestrator.run.handlers.stop_workers import blocking, report
from orchestrator.run.walk import WARNING
from orchestrator.stages.workers import StartWorkers

RELEASE = "20260101T000000Z-aaaaaaa"
ONE = WorkerProcess(Color.blue, "queue", 1, "active", "running", 42, 0, 0, "success", RELEASE)
TWO = replace(ONE, number=2, pid=43)
LEFT = replace(ONE, state="deactivating", sub="stop-sigterm", told=5)
START = StartWorkers(Color.blue)
EXPECTED = {(Color.blue, "queue"): 2}


def worker(over: str) -> list[Worker]:
    return [Worker(name="queue", command="x", finish=5, over=over)]


def test_processes_are_watched_for_their_first_seconds() -> None:
    state = WorkerState((ONE, TWO, replace(ONE, color=Color.green)), EXPECTED)
    assert judge(state, START, {"queue": 3.0}, 2.9, {}).waits
    assert not judge(state, START, {"queue": 3.0}, 3.0, {}).waits
    assert detail(state, START) == "2 queue"


def test_a_missing_process_is_waited_for() -> None:
    found = judge(WorkerState((ONE,), EXPECTED), START, {"queue": 0.0}, 9.0, {})
    assert (found.ended, found.missing, found.waits) == ((), ("the worker queue has 1 of 2 processes",), True)


@pytest.mark.parametrize("ended", [replace(TWO, restarts=1), replace(TWO, state="failed", result="exit-code")])
def test_a_process_that_ended_tells_its_last_words(ended: WorkerProcess) -> None:
    state = WorkerState((ONE, ended), EXPECTED, {"blue/queue/2": "no queue"})
    found = judge(state, START, {}, 0.0, {})
    assert found.ended == ("the worker queue ended in its first seconds: no queue",)


def test_a_process_that_was_told_to_end_before_is_not_judged() -> None:
    # it may end with any status, and a new process may get its number
    gone = replace(LEFT, number=3, state="failed", result="exit-code")
    state = WorkerState((ONE, TWO, gone), EXPECTED)
    assert judge(state, START, {}, 9.0, {}).ended
    assert judge(state, START, {}, 9.0, {}, [gone.key]).ended == ()
    again = replace(gone, state="active", restarts=1)
    assert judge(WorkerState((ONE, TWO, again), EXPECTED), START, {}, 9.0, {}, [gone.key]).ended


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ("oom-kill", "because it needed more memory than memory_mb"),
        ("signal", "because a signal killed it, such as the kernel's if it needs more memory than memory_mb"),
    ],
)
def test_a_process_without_words_names_the_memory(result: str, why: str) -> None:
    state = WorkerState((replace(ONE, restarts=1, result=result),), {})
    assert f"{why}: it wrote no line" in judge(state, START, {}, 0.0, {}).ended[0]


def test_a_process_that_ran_before_may_have_been_started_again() -> None:
    state = WorkerState((replace(ONE, restarts=4), TWO), EXPECTED)
    assert judge(state, START, {"queue": 0.0}, 1.0, {ONE.key: 4}).ended == ()
    assert judge(state, START, {"queue": 0.0}, 1.0, {ONE.key: 3}).ended != ()


def test_a_process_that_is_left_does_not_count_as_new() -> None:
    found = judge(WorkerState((LEFT, TWO), EXPECTED), START, {"queue": 0.0}, 1.0, {})
    assert (found.ended, found.missing) == ((), ("the worker queue has 1 of 2 processes",))


@pytest.mark.parametrize(("over", "blocks"), [("leave", False), ("wait", True), ("kill", True)])
def test_a_run_waits_for_a_job_as_the_setting_says(over: str, blocks: bool) -> None:
    assert blocking([replace(LEFT, told=4)], worker(over))
    assert bool(blocking([LEFT], worker(over))) is blocks
    assert not blocking([replace(ONE, state="inactive"), replace(TWO, state="failed")], worker(over))


def test_an_undo_never_waits_longer_than_the_limit() -> None:
    assert not blocking([LEFT], worker("wait"), undoing=True)
    assert blocking([LEFT], worker("kill"), undoing=True)


def test_the_report_names_what_is_left_killed_and_late() -> None:
    what = f"queue 1 of blue (process 42, release {RELEASE})"
    left = report({LEFT.key: LEFT}, [LEFT], worker("leave"))
    assert left == [f"{WARNING}{what} still finishes a job 5 s after it was told to end, and is left"]
    killed = report({LEFT.key: LEFT}, [replace(LEFT, state="failed", result="timeout")], worker("kill"))
    assert killed == ["ended: 1", f"{WARNING}{what} did not end within 5 s, and was killed"]
    late = report({LEFT.key: replace(LEFT, told=9)}, [], worker("wait"))
    assert late == ["ended: 1", f"{WARNING}{what} ended 9 s after it was told to end, later than 5 s"]
    assert report({TWO.key: TWO}, [], worker("leave")) == ["ended: 1"]


@pytest.mark.parametrize(("ended", "result"), [({}, "success"), ({"ended.blue/queue/1": "signal"}, "signal")])
def test_the_journal_knows_how_a_restarted_process_ended(ended: dict[str, str], result: str) -> None:
    said = {"workers": "blue/queue/1/active/running/12/1/0/success/r1", "expected": ""}
    (process,) = parse(said | ended).processes
    assert process.result == result

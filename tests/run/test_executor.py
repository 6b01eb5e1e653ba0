"""The steps of a chain: each place performs its steps in order, and waits for no other place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gevent
import pytest
from typing_extensions import override

from orchestrator.errors import Interrupted
from orchestrator.plan.steps import OPERATOR, Action, Place, Step
from orchestrator.run.executor import Executor
from orchestrator.run.handler import Handler
from orchestrator.run.walk import Performed, Result
from tests.fakes.world import World

NODES = tuple(Place("node", f"node{number}") for number in (1, 2))


@dataclass(frozen=True)
class Work(Action):
    """Work of a test."""

    name = "work"
    handler = "tests.run.test_executor:WorkHandler"

    stage: str


class WorkHandler(Handler[Work]):
    """Cannot prepare the stage ``unprepared``. Counts the places of each stage."""

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        unprepared = any(isinstance(step.action, Work) and step.action.stage == "unprepared" for step in steps)
        return (Result(OPERATOR, "not prepared"),) if unprepared else ()

    @override
    def together(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        return tuple(
            Result(result.place, result.error, detail=f"{result.detail} of {len(results)}") for result in results
        )


def stage(name: str, places: Sequence[Place] = NODES) -> tuple[Step, ...]:
    return tuple(Step(place, Work(name), 5.0) for place in places)


Does = Callable[[Step], Result | None]


def executor(world: World, monkeypatch: pytest.MonkeyPatch, does: Does) -> tuple[Executor, list[str]]:
    """An executor, and the steps that it has begun, each as ``<stage> <place>``."""
    begun: list[str] = []

    def one(this: Executor, step: Step, undoing: bool) -> Result:
        assert isinstance(step.action, Work)
        assert not undoing
        begun.append(f"{step.action.stage} {step.place}")
        return does(step) or Result(step.place, detail=step.action.stage)

    monkeypatch.setattr(Executor, "_one", one)
    return Executor(world.fleet(), 1), begun


def chain(runs: Executor, stages: Sequence[Sequence[Step]], goes_on: bool = False) -> list[tuple[int, Performed]]:
    """Perform the stages of a chain. Returns the number and the results of each stage, in the order of the calls."""
    ended: list[tuple[int, Performed]] = []
    runs.chain(stages, goes_on, lambda number, done: ended.append((number, done)))
    return ended


def details(performed: Sequence[tuple[int, Performed]]) -> dict[int, list[str]]:
    return {
        number: [f"{result.place}: {result.error or result.detail}" for result in done.results]
        for number, done in performed
    }


def test_no_place_waits_for_another_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other_has_ended = gevent.event.Event()

    def slow(step: Step) -> Result | None:
        if step == stage("fetch")[0]:
            assert other_has_ended.wait(20), "node2 waits for node1"
        if step == stage("share")[1]:
            other_has_ended.set()
        return None

    runs, begun = executor(world, monkeypatch, slow)
    performed = chain(runs, [stage("fetch"), stage("share")])
    assert begun == ["fetch node1", "fetch node2", "share node2", "share node1"]
    # the results are in the order of the steps, and the handler judges those of a stage together
    assert details(performed) == {
        0: ["node1: fetch of 2", "node2: fetch of 2"],
        1: ["node1: share of 2", "node2: share of 2"],
    }
    assert all(done.seconds >= 0 for _, done in performed)


def test_a_stage_is_reported_while_a_later_stage_is_performed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = gevent.event.Event()

    def ended(number: int, done: Performed) -> None:
        if number == 0:
            reported.set()

    def waiting(step: Step) -> Result | None:
        assert step in stage("fetch") or reported.wait(20), "share is performed before fetch is reported"
        return None

    runs, _ = executor(world, monkeypatch, waiting)
    runs.chain([stage("fetch"), stage("share")], False, ended)
    assert reported.is_set()


@pytest.mark.parametrize(
    ("goes_on", "found"),
    [
        (False, {0: ["node1: broken", "node2: fetch of 2"], 1: ["node2: share of 1"]}),
        (True, {0: ["node1: broken", "node2: fetch of 2"], 1: ["node1: share of 2", "node2: share of 2"]}),
    ],
)
def test_a_place_that_fails_may_stop(
    world: World, monkeypatch: pytest.MonkeyPatch, goes_on: bool, found: dict[int, list[str]]
) -> None:
    def breaks(step: Step) -> Result | None:
        return Result(step.place, "broken") if step == stage("fetch")[0] else None

    runs, _ = executor(world, monkeypatch, breaks)
    assert details(chain(runs, [stage("fetch"), stage("share")], goes_on)) == found


def test_a_stage_that_no_place_reaches_has_no_result(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, begun = executor(world, monkeypatch, lambda step: Result(step.place, "broken"))
    assert details(chain(runs, [stage("fetch"), stage("share")])) == {0: ["node1: broken", "node2: broken"]}
    assert begun == ["fetch node1", "fetch node2"]


def test_nothing_is_done_if_a_preparation_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, begun = executor(world, monkeypatch, lambda step: None)
    performed = chain(runs, [stage("fetch"), stage("unprepared")])
    assert (details(performed), begun) == ({1: ["operator: not prepared"]}, [])


def test_stages_may_act_at_different_places(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watches = gevent.event.Event()

    def waiting(step: Step) -> Result | None:
        if step.place == OPERATOR:
            watches.set()
        assert watches.wait(20), "the operator's machine waits for the nodes"
        return None

    runs, _ = executor(world, monkeypatch, waiting)
    performed = chain(runs, [stage("start"), stage("watch", [OPERATOR]), stage("warm", NODES[1:])])
    assert details(performed) == {
        0: ["node1: start of 2", "node2: start of 2"],
        1: ["operator: watch of 1"],
        2: ["node2: warm of 1"],
    }


def test_a_signal_ends_all_places(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(step: Step) -> Result | None:
        if step == stage("fetch")[1]:
            raise Interrupted(15, "SIGTERM")
        gevent.sleep(20)
        return None

    runs, begun = executor(world, monkeypatch, interrupted)
    with pytest.raises(Interrupted), gevent.Timeout(10):
        chain(runs, [stage("fetch", NODES[::-1]), stage("share")])
    assert begun == ["fetch node2", "fetch node1"]

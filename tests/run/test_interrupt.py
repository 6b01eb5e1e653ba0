"""A signal, or a failing step, at any point of a run: undone before the commit, finished after it."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from orchestrator import verbs
from orchestrator.errors import Interrupted
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.handlers.members import MembersHandler
from orchestrator.run.walk import Result
from tests.fakes.world import World
from tests.run.conftest import ring

STEPS = {
    "release": (
        *((action, node) for action in ("quiet", "fetch", "same") for node in ("node1", "node2", "node3")),
        *((action, node) for action in ("share", "configure", "start") for node in ("node1", "node2", "node3")),
        *(("warm", node) for node in ("node1", "node2", "node3")),
        *(("gate", node) for node in ("node1", "node2", "node3")),
        *((action, name) for action in ("quiet", "members", "ready", "shift") for name in ("haproxy", "nginx")),
        ("verify", "operator"),
    ),
    "rollback": (
        *((action, name) for action in ("members", "ready", "shift") for name in ("haproxy", "nginx")),
        ("verify", "operator"),
    ),
}
"""Every step before the commit."""


def cases() -> list[Any]:
    every = [(verb, *step) for verb, steps in STEPS.items() for step in steps]
    return [pytest.param(*one, marks=ring(number, 128)) for number, one in enumerate(every)]


def run(world: World, verb: str) -> int:
    return verbs.VERBS[verb](world.fleet(), Options(ref="v1"))


class At:
    """Make something happen at a step, the first time that the step runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, action: str, place: str, before: bool) -> None:
        self.action, self.place, self.before = action, place, before
        self.met = False
        one = Executor._one

        def watched(this: Executor, step: Step, undoing: bool) -> Result:
            here = not undoing and not self.met and (step.action.name, step.place.name) == (self.action, self.place)
            if here:
                self.met = True
            if here and self.before:
                return self.happens(step)
            result = one(this, step, undoing)
            return self.happens(step) if here else result

        monkeypatch.setattr(Executor, "_one", watched)

    def happens(self, step: Step) -> Result:
        raise NotImplementedError


class Fails(At):
    @override
    def happens(self, step: Step) -> Result:
        return Result(step.place, "broken by the test")


class IsInterrupted(At):
    @override
    def happens(self, step: Step) -> Result:
        raise Interrupted(15, "SIGTERM")


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("verb", "action", "place"), cases())
def test_a_step_that_fails_leaves_the_fleet_as_it_was(
    released: World, monkeypatch: pytest.MonkeyPatch, verb: str, action: str, place: str, before: bool
) -> None:
    was = released.snapshot()
    with monkeypatch.context() as breaking:
        fault = Fails(breaking, action, place, before)
        assert run(released, verb) == 1
    assert fault.met
    assert released.snapshot() == was
    assert run(released, "rollback") == 0


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("verb", "action", "place"), cases())
def test_a_signal_leaves_the_fleet_as_it_was(
    released: World, monkeypatch: pytest.MonkeyPatch, verb: str, action: str, place: str, before: bool
) -> None:
    was = released.snapshot()
    with monkeypatch.context() as breaking:
        fault = IsInterrupted(breaking, action, place, before)
        assert run(released, verb) == 143
    assert fault.met
    assert released.snapshot() == was
    assert run(released, "rollback") == 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("action", ["promote", "prune"])
def test_the_next_command_mends_a_failure_after_the_commit(
    released: World, monkeypatch: pytest.MonkeyPatch, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as breaking:
        Fails(breaking, action, "node2", before=True)
        assert run(released, "release") == 0
    assert "warning: node2: broken by the test" in capsys.readouterr().err
    assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]
    assert run(released, "release") == 0
    assert {released.live(node) for node in released.nodes} == {"blue"}
    assert [released.weight(balancer) for balancer in released.balancers] == [0, 0]


@pytest.mark.exhaustive
def test_an_unforeseen_error_is_undone(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    was = released.snapshot()
    with monkeypatch.context() as breaking:

        def unforeseen(*arguments: object) -> str:
            raise KeyError("unforeseen")

        breaking.setattr(MembersHandler, "at_host", unforeseen)
        assert run(released, "release") == 1
    assert released.snapshot() == was


@pytest.mark.exhaustive
def test_every_step_before_the_commit_is_in_the_list(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []
    one = Executor._one

    def noted(this: Executor, step: Step, undoing: bool) -> Result:
        done.append((step.action.name, step.place.name))
        return one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", noted)
    for verb, steps in STEPS.items():
        done.clear()
        assert run(released, verb) == 0
        assert {step for step in done if step[0] not in ("promote", "prune")} == set(steps)

"""Faults that happen at one step of a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result


def failing_at(monkeypatch: pytest.MonkeyPatch, action: str, then: Callable[[], object]) -> None:
    """Make the first step with this action fail, after ``then``."""
    one, met = Executor._one, [False]

    def failing(this: Executor, step: Step, undoing: bool) -> Result:
        if step.action.name == action and not undoing and not met[0]:
            met[0] = True
            then()
            return Result(step.place, "failed by the test")
        return one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", failing)


def before(monkeypatch: pytest.MonkeyPatch, action: str, then: Callable[[], object]) -> None:
    """Call ``then`` before the first step with this action."""
    one, met = Executor._one, [False]

    def noticed(this: Executor, step: Step, undoing: bool) -> Result:
        if step.action.name == action and not undoing and not met[0]:
            met[0] = True
            then()
        return one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", noticed)

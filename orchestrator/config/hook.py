"""Hooks: the application's own commands at named points of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.section import Section


class Hook(Section):
    """A command of your own, before or after a stage.

    If a hook fails before the commit, the run is undone, and the ``undo`` commands of all hooks that began are run.
    """

    before: str | None = Field(None, description="stage before which the hook runs, as the plan names it")
    after: str | None = Field(
        None, description="stage after which the hook runs; a hook has either `before` or `after`"
    )
    on: Literal["nodes", "first node", "balancers", "operator"] = Field("nodes", description="where the hook runs")
    run: str = Field(min_length=1, description="shell command; RELEASE and COLOR are in its environment")
    undo: str | None = Field(
        None, description="shell command that undoes `run`; it must also work if `run` was interrupted or never started"
    )
    deadline: float = Field(60.0, gt=0, le=3600, description="time limit for the command at one place, in seconds")

    @model_validator(mode="after")
    def _one_point(self) -> Hook:
        if (self.before is None) == (self.after is None):
            raise ValueError("a hook stands before or after one stage")
        return self

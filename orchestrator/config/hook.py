"""Hooks: the application's own commands at named points of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.section import Section


class Hook(Section):
    """A command before or after a stage. Before the commit, a failing hook stops the run, and an undo runs ``undo``."""

    before: str | None = Field(None, description="name of a stage, as the plan shows it")
    after: str | None = Field(None, description="name of a stage, as the plan shows it")
    on: Literal["nodes", "first node", "balancers", "operator"] = "nodes"
    run: str = Field(min_length=1, description="shell command; RELEASE and COLOR are in its environment")
    undo: str | None = Field(None, description="shell command; must work whether `run` ran, half ran or never ran")
    deadline: float = Field(60.0, gt=0, le=3600, description="seconds")

    @model_validator(mode="after")
    def _one_point(self) -> Hook:
        if (self.before is None) == (self.after is None):
            raise ValueError("a hook stands before or after one stage")
        return self

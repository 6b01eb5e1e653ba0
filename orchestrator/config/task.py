"""The settings of tasks: commands of the application that the operator runs by name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.form import form
from orchestrator.config.section import Section

TASK = form(r"[A-Za-z0-9][A-Za-z0-9._:-]*", "the name of a task", "use letters, digits and . _ : -")


class Task(Section):
    """A command of your own, which ``orchestrator task NAME`` runs (docs/tasks.md). A hook may also run a task."""

    run: str = Field(min_length=1, description="shell command, in one line")
    on: Literal["each", "first", "operator"] = Field(
        "each",
        description="where the task runs: on each node, one after the other; on the first node; or on the operator's "
        "machine",
    )
    user: Literal["deploy", "web"] = Field(
        "deploy", description="user that runs the command on the nodes: the deploy user or the web user"
    )
    confirm: bool = Field(False, description="whether `orchestrator task NAME` asks before it runs the command")
    deadline: float = Field(600.0, gt=0, le=86400, description="time limit of the command on one machine, in seconds")

    @model_validator(mode="after")
    def _fits_together(self) -> Task:
        if self.user == "web" and self.on == "operator":
            raise ValueError(
                'a task on operator cannot run as the web user, which exists only on the nodes: set user = "deploy"'
            )
        return self

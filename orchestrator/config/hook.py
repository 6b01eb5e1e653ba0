"""The settings of hooks. A hook is a command of the application, which a run executes before or after a stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.section import Section
from orchestrator.config.task import Task

Verb = Literal["release", "rollback", "join", "contract"]

ENDS = ("failed", "undone")
"""The points of hooks that are no stages: after a run has failed, and after a run was undone completely."""


PLACES = {"each": "nodes", "first": "first node", "operator": "operator"}
"""Value of ``on`` of a task -> value of ``on`` of a hook that runs the task."""


class Hook(Section):
    """A command of your own, which runs before or after a stage, or after the undo of a run.

    If a hook fails before the commit, the run is undone. The undo runs the ``undo`` commands of all hooks that began.
    """

    before: str | None = Field(
        None,
        min_length=1,
        description="name of the stage before which the hook runs. The plan shows the names of the stages. A hook has "
        "either `before` or `after`",
    )
    after: str | None = Field(
        None,
        min_length=1,
        description="name of the stage after which the hook runs; or `failed` or `undone`, for a hook that runs after "
        "the undo of a run (docs/hooks.md)",
    )
    verbs: list[Verb] = Field(
        default=["release", "rollback"],
        min_length=1,
        description="runs in which the hook runs. `release` also means `deploys/code.py`",
    )
    on: Literal["nodes", "first node", "balancers", "operator"] = Field(
        "nodes",
        description="where the hook runs: on every node, on the first node, on every balancer, or on the operator's "
        "machine",
    )
    user: Literal["deploy", "web"] = Field(
        "deploy",
        description="user that runs `run` and `undo`: the deploy user or the web user (docs/hooks.md). `web` needs "
        "`on` = `nodes` or `first node`",
    )
    run: str | None = Field(
        None,
        min_length=1,
        description="shell command, in one line. Environment variables name the release, the color, and other facts of "
        "the run (docs/hooks.md)",
    )
    task: str | None = Field(
        None,
        min_length=1,
        description="name of the task that the hook runs, instead of `run`. The task says where and as which user",
    )
    undo: str | None = Field(
        None,
        min_length=1,
        description="shell command, in one line, that undoes `run`. This command must also work if `run` was "
        "interrupted or did not start",
    )
    advisory: bool = Field(
        False, description="whether a failure of `run` or `undo` is only a warning, so that the run continues"
    )
    deadline: float = Field(60.0, gt=0, le=3600, description="time limit of the command on one machine, in seconds")

    @model_validator(mode="after")
    def _fits_together(self) -> Hook:
        if (self.before is None) == (self.after is None):
            raise ValueError(
                "a hook runs either before or after a stage: set one of the keys before and after, and not both"
            )
        if (self.run is None) == (self.task is None):
            raise ValueError("a hook needs either run, a command, or task, the name of a task: set one of the two keys")
        if self.task and (self.on != "nodes" or self.user != "deploy"):
            raise ValueError(f"the task {self.task} already has the keys on and user: remove these keys from the hook")
        if self.before in ENDS:
            raise ValueError(f"no hook runs before {self.before}, which is the end of a run: set after = {self.before}")
        if self.after in ENDS and self.undo:
            raise ValueError(f"a hook after {self.after} runs when the undo has ended: remove the key undo")
        if self.user == "web" and self.on not in ("nodes", "first node"):
            raise ValueError(
                f'a hook on {self.on} cannot run as the web user, which exists only on the nodes: set user = "deploy"'
            )
        return self

    @property
    def command(self) -> str:
        """The shell command. Only a hook that names a task has none, until `of_task` has added the task's command."""
        return self.run or ""

    def of_task(self, task: Task) -> Hook:
        """Return this hook with the command, the place and the user of a task.

        The time limit is the hook's own.
        """
        return self.model_copy(update={"run": task.run, "on": PLACES[task.on], "user": task.user})

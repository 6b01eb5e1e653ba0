"""Run the build steps in the release. The settings list the build steps: for example composer, caches, assets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from orchestrator.model import Color
from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

BUILD = Kind("build", ("node",), hooks=True, each_batch=True, chain=FILES)


@dataclass(frozen=True)
class Build(Action):
    """Run a build step in the release, or reuse the live release's outputs if they were made from the same inputs.

    + color: the color that gets the release
    + live: the live release, whose outputs may be reused; None if there is no live release
    + step: the name of the build step in the settings
    + only_taken_over: whether to fail if the outputs cannot be reused, instead of running the build step
    + user: the name of the web user, if this user runs the build step; empty for the deploy user
    """

    name = "build"
    handler = "orchestrator.run.handlers.build:BuildHandler"
    prints = True

    release: str
    color: Color
    live: str | None
    step: str
    only_taken_over: bool
    user: str = ""

    @property
    @override
    def runs_as(self) -> str:
        return self.user


def build(i: Inputs, user: Literal["deploy", "web"] = "deploy") -> tuple[Stage, ...]:
    """Return one stage for each build step that runs on the nodes. A stage runs on all nodes in parallel.

    + user: the user who runs the build steps. The result has no stage for the steps of the other user. The web user's
      steps come after the stage `permit`: only then the web user can read the environment file and write to the
      directories of the setting ``permissions.writable``

    The stages need no undo, because removing the release removes the outputs of the build steps.

    A code-only release (``deploys/code.py``) also has a stage for each build step that runs on the operator's machine.
    Such a stage does not run the build step. It only reuses the outputs of the live release, and fails if these outputs
    were made from other inputs.
    """
    return tuple(
        Stage(
            BUILD,
            tuple(
                Step(
                    place,
                    Build(
                        release=i.release,
                        color=i.color,
                        live=i.live,
                        step=step.name,
                        only_taken_over=i.code_only and bool(step.outputs),
                        user=i.settings.web_user if step.user == "web" else "",
                    ),
                    step.deadline,
                )
                for place in i.node_places
            ),
            label=step.name,
        )
        for step in i.settings.build
        if step.user == user and (step.on == "nodes" or i.code_only)
    )

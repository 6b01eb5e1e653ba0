"""Make the release ready to run: composer, caches, assets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

BUILD = Kind("build", ("node",), hooks=True, each_batch=True)


@dataclass(frozen=True)
class Build(Action):
    """Run a build step in the release.

    + live: the live release, whose outputs may be taken over
    + step: name of the build step in the settings
    + only_taken_over: fail where the step would have to run
    """

    name = "build"
    handler = "orchestrator.run.handlers.build:BuildHandler"
    prints = True

    release: str
    color: Color
    live: str | None
    step: str
    only_taken_over: bool


def build(i: Inputs) -> tuple[Stage, ...]:
    """One stage per build step that runs on the nodes, on all nodes in parallel.

    The stages need no undo: removing the release removes their outputs. If only code may change, the outputs that were
    built on the operator's machine are also compared.
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
                    ),
                    step.deadline,
                )
                for place in i.node_places
            ),
            label=step.name,
        )
        for step in i.settings.build
        if step.on == "nodes" or i.code_only
    )

"""Make the release ready to run: composer, caches, assets."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

BUILD = Kind("build", ("node",), hooks=True, each_batch=True)


def build(i: Inputs) -> tuple[Stage, ...]:
    """A stage for each step that runs on the nodes, all at once. Needs no undo: what it makes goes with the release.

    Where nothing but code may change, what was built on the operator's machine is compared, too.
    """
    return tuple(
        Stage(
            BUILD,
            tuple(
                Step(
                    place,
                    Action(
                        "build",
                        {
                            "release": i.release,
                            "color": i.color,
                            "live": i.live,
                            "step": step.name,
                            "only_taken_over": i.code_only and bool(step.outputs),
                        },
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

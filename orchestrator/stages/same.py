"""All nodes have the same files, or nobody goes on."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

SAME = Kind("same", ("node",), changes=False, hooks=True, each_batch=True)


def same(i: Inputs) -> Stage:
    """Before anything is linked or built: what a node adds itself is its own."""
    action = Action("same", {"release": i.release})
    steps = tuple(Step(place, action, i.settings.deadlines.look) for place in i.node_places)
    return Stage(SAME, steps)

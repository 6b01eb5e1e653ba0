"""All nodes have the same files, or nobody goes on."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Stage, Step


def same(i: Inputs) -> Stage:
    """Before anything is linked or built: what a node adds itself is its own."""
    action = Action("same", {"release": i.release})
    steps = tuple(Step(place, action, i.settings.deadlines.look) for place in i.node_places)
    return Stage("same", steps, changes=False)

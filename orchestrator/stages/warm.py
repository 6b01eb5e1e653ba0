"""Warm the idle color: compile its files into OPcache, request its pages."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

WARM = Kind("warm", ("node",), hooks=True, each_batch=True)


def warm(i: Inputs) -> Stage:
    """It changes nothing but the idle processes' own memory, which a restart empties: no undo."""
    action = Action("warm", {"color": i.color})
    return Stage(WARM, tuple(Step(place, action, i.settings.deadlines.warm) for place in i.node_places))

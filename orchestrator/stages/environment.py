"""Give the release its environment file."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Stage, Step


def environment(i: Inputs) -> Stage:
    """Needs no undo of its own: the file goes with the release. Its values are no arguments, and on no record."""
    if i.settings.environment is None:
        return Stage("environment", ())
    action = Action("environment", {"release": i.release, "live": i.live, "only_same": i.code_only})
    return Stage("environment", tuple(Step(place, action, i.settings.deadlines.environment) for place in i.node_places))

"""Give the release its environment file."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

ENVIRONMENT = Kind("environment", ("node",), skipped="the settings have none", hooks=True, each_batch=True)


def environment(i: Inputs) -> Stage:
    """Needs no undo of its own: the file goes with the release. Its values are no arguments, and on no record."""
    if i.settings.environment is None:
        return Stage(ENVIRONMENT, ())
    action = Action("environment", {"release": i.release, "live": i.live, "only_same": i.code_only})
    return Stage(ENVIRONMENT, tuple(Step(place, action, i.settings.deadlines.environment) for place in i.node_places))

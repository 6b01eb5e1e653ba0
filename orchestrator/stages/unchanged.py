"""Where only code may change: nothing that the live release has beside it is missing."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

UNCHANGED = Kind("unchanged", ("node",), changes=False, hooks=True, each_batch=True)


def unchanged(i: Inputs) -> tuple[Stage, ...]:
    """After the build, which compares what it makes; no stage where more than code may change."""
    if not i.code_only:
        return ()
    action = Action("unchanged", {"release": i.release, "live": i.live})
    steps = tuple(Step(place, action, i.settings.deadlines.share) for place in i.node_places)
    return (Stage(UNCHANGED, steps),)

"""Where only code may change: nothing that the live release has beside it is missing."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

UNCHANGED = Kind("unchanged", ("node",), changes=False, hooks=True, each_batch=True)


@dataclass(frozen=True)
class Unchanged(Action):
    """Check that a release has all that the live release has beside its code."""

    name = "unchanged"
    handler = "orchestrator.run.handlers.unchanged:UnchangedHandler"

    release: str
    live: str | None


def unchanged(i: Inputs) -> tuple[Stage, ...]:
    """After the build, which compares what it makes; no stage where more than code may change."""
    if not i.code_only:
        return ()
    action = Unchanged(i.release, i.live)
    steps = tuple(Step(place, action, i.settings.deadlines.share) for place in i.node_places)
    return (Stage(UNCHANGED, steps),)

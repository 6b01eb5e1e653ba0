"""Check in a code-only release that no environment file, build output or shared path of the live release is missing."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

UNCHANGED = Kind("unchanged", ("node",), changes=False, hooks=True, each_batch=True)


@dataclass(frozen=True)
class Unchanged(Action):
    """Check that a release has every environment file, build output and shared path that the live release has."""

    name = "unchanged"
    handler = "orchestrator.run.handlers.unchanged:UnchangedHandler"

    release: str
    live: str | None


def unchanged(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage that checks that a code-only release lacks nothing; () for any other release.

    The stage comes after the build, which compares the build outputs of the settings itself.
    """
    if not i.code_only:
        return ()
    action = Unchanged(i.release, i.live)
    steps = tuple(Step(place, action, i.settings.deadlines.share) for place in i.node_places)
    return (Stage(UNCHANGED, steps),)

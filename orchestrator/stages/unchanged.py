"""Check in a code-only release that no environment file or build output is missing, and no shared path differs."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

UNCHANGED = Kind("unchanged", ("node",), changes=False, hooks=True, each_batch=True)


@dataclass(frozen=True)
class Unchanged(Action):
    """Check that a release lacks no environment file or build output of the live release, and has its shared paths."""

    name = "unchanged"
    handler = "orchestrator.run.handlers.unchanged:UnchangedHandler"

    release: str
    live: str | None


def unchanged(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage that compares a code-only release with the live release; () for any other release.

    The stage comes after the build, which compares the build outputs of the settings itself.
    """
    if not i.code_only:
        return ()
    action = Unchanged(i.release, i.live)
    steps = tuple(Step(place, action, i.settings.deadlines.share) for place in i.node_places)
    return (Stage(UNCHANGED, steps),)

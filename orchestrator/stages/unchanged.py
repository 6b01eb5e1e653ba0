"""Check that a code-only release has the environment file, build outputs and shared paths that the live release has.

A code-only release may change nothing but code (``deploys/code.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

UNCHANGED = Kind("unchanged", ("node",), changes=False, hooks=True, each_batch=True)


@dataclass(frozen=True)
class Unchanged(Action):
    """Check that a release has the environment file, build outputs and shared paths that the live release has."""

    name = "unchanged"
    handler = "orchestrator.run.handlers.unchanged:UnchangedHandler"

    release: str
    live: str | None


def unchanged(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage that compares a code-only release with the live release; () for any other release.

    The stage comes after the build stages. These stages have already checked that the build steps have the same inputs
    in both releases.
    """
    if not i.code_only:
        return ()
    action = Unchanged(i.release, i.live)
    steps = tuple(Step(place, action, i.settings.deadlines.share) for place in i.node_places)
    return (Stage(UNCHANGED, steps),)

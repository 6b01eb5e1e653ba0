"""Check that a code-only release changes only code (``deploys/code.py``).

The stage fails if only the live release has an environment file or the outputs of a build step, or if the shared paths
differ. The stage `environment` compares the contents of the environment files, and `build` compares the inputs of the
build steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

UNCHANGED = Kind("unchanged", ("node",), changes=False, hooks=True, each_batch=True, chain=FILES)


@dataclass(frozen=True)
class Unchanged(Action):
    """Fail if a release lacks the environment file or build outputs of the live release, or has other shared paths."""

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

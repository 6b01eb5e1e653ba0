"""Give the release's files their owners and modes."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

PERMIT = Kind(
    "permit", ("node",), skipped="owners and modes stay as they are", hooks=True, each_batch=True, chain=FILES
)


@dataclass(frozen=True)
class Permit(Action):
    """Give the release's files their owners and modes."""

    name = "permit"
    handler = "orchestrator.run.handlers.permit:PermitHandler"

    release: str


def permit(i: Inputs) -> Stage:
    """Return the stage that sets owners and modes of the release's files.

    The stage comes after the deploy user's build steps, because this user must be able to write the files. The stage
    comes before the web user's build steps, because the stage lets the web user read and write files.
    The stage needs no undo, because removing the release removes the files.
    """
    if not _wanted(i.settings):
        return Stage(PERMIT, ())
    action = Permit(i.release)
    return Stage(PERMIT, tuple(Step(place, action, i.settings.deadlines.permit) for place in i.node_places))


def _wanted(settings: Settings) -> bool:
    asked = settings.permissions.model_dump(exclude_defaults=True)
    return bool(asked) or settings.environment is not None

"""Put links to the shared directories and files (in ``shared/``) into the release."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

SHARE = Kind("share", ("node",), hooks=True, each_batch=True, chain=FILES)


@dataclass(frozen=True)
class Share(Action):
    """Put links to the shared directories and files into a release."""

    name = "share"
    handler = "orchestrator.run.handlers.share:ShareHandler"

    release: str


def share(i: Inputs) -> Stage:
    """Return the stage that puts links to the shared directories and files into the release, on every node.

    The stage needs no undo, because removing the release removes the links.
    """
    action = Share(i.release)
    return Stage(SHARE, tuple(Step(place, action, i.settings.deadlines.share) for place in i.node_places))

"""Point the ``live`` link of every node to the new color, so that cron jobs and commands use the live release too."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.chains import AFTER_COMMIT
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

MEND = Kind("mend", ("node",), skipped="every live link follows the switch", hooks=True)
PROMOTE = Kind("promote", ("node",), hooks=True, chain=AFTER_COMMIT)


@dataclass(frozen=True)
class Promote(Action):
    """Point a node's ``live`` link to a color.

    + soak: whether to start the timer that gives the other color fewer workers when the soak time is over
    """

    name = "promote"
    handler = "orchestrator.run.handlers.promote:PromoteHandler"

    color: Color
    soak: bool = False


def mend(i: Inputs) -> Stage:
    """Return the stage that corrects ``live`` links that name the wrong color.

    A link names the wrong color if an earlier `promote` failed on the node. The stage needs no undo, because the
    corrected links are right even if the run is undone.
    """
    action = Promote(i.color.other)
    deadline = i.settings.deadlines.promote
    return Stage(MEND, tuple(Step(Place("node", name), action, deadline) for name in i.mend))


def promote(i: Inputs) -> Stage:
    """Return the stage that points every ``live`` link to the new color (in a `join`: to the live color).

    In a release and a rollback, the stage comes after the commit. If the stage fails, the run only shows a warning, and
    the next release or rollback corrects the link. If the setting ``php.idle_workers`` is used, the soak time of the
    old color begins with this stage.
    """
    action = Promote(i.color, soak=i.settings.shrinks)
    return Stage(PROMOTE, tuple(Step(place, action, i.settings.deadlines.promote) for place in i.node_places))

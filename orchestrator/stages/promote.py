"""Swap the ``live`` link on every node, so that cron, command line and workers follow the traffic."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

MEND = Kind("mend", ("node",), skipped="every live link follows the switch", hooks=True)
PROMOTE = Kind("promote", ("node",), hooks=True)


@dataclass(frozen=True)
class Promote(Action):
    """Point a node's ``live`` link to a color.

    + soak: whether the other color keeps its workers until the soak window is over
    """

    name = "promote"
    handler = "orchestrator.run.handlers.promote:PromoteHandler"

    color: Color
    soak: bool = False


def mend(i: Inputs) -> Stage:
    """Point links to the color with the traffic where an earlier run's last stages failed to.

    The stage needs no undo: these links are correct whether or not the run succeeds.
    """
    action = Promote(i.color.other)
    deadline = i.settings.deadlines.promote
    return Stage(MEND, tuple(Step(Place("node", name), action, deadline) for name in i.mend))


def promote(i: Inputs) -> Stage:
    """Point all links to the new color, after the commit. A failure is a warning that the next command repairs.

    If the settings give an idle color fewer workers, the soak window after which the other color shrinks begins here.
    """
    action = Promote(i.color, soak=i.settings.shrinks)
    return Stage(PROMOTE, tuple(Step(place, action, i.settings.deadlines.promote) for place in i.node_places))

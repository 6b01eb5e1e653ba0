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

    + soak: keep the other color at its size until the soak window is over
    """

    name = "promote"
    handler = "orchestrator.run.handlers.promote:PromoteHandler"

    color: Color
    soak: bool = False


def mend(i: Inputs) -> Stage:
    """Links that an earlier run's last stages left behind follow the traffic first. Needs no undo: it is right."""
    action = Promote(i.color.other)
    deadline = i.settings.deadlines.promote
    return Stage(MEND, tuple(Step(Place("node", name), action, deadline) for name in i.mend))


def promote(i: Inputs) -> Stage:
    """After the commit: it only goes forward; a failure is a warning that the next command mends.

    From here on the other color is kept at its size for the soak window, if the settings give it fewer workers then.
    """
    action = Promote(i.color, soak=i.settings.shrinks)
    return Stage(PROMOTE, tuple(Step(place, action, i.settings.deadlines.promote) for place in i.node_places))

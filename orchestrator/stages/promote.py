"""Swap the ``live`` link on every node, so that cron, command line and workers follow the traffic."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

MEND = Kind("mend", ("node",), skipped="every live link follows the switch", hooks=True)
PROMOTE = Kind("promote", ("node",), hooks=True)


def mend(i: Inputs) -> Stage:
    """Links that an earlier run's last stages left behind follow the traffic first. Needs no undo: it is right."""
    action = Action("promote", {"color": i.color.other})
    deadline = i.settings.deadlines.promote
    return Stage(MEND, tuple(Step(Place("node", name), action, deadline) for name in i.mend))


def promote(i: Inputs) -> Stage:
    """After the commit: it only goes forward; a failure is a warning that the next command mends.

    From here on the other color is kept at its size for the soak window, if the settings give it fewer workers then.
    """
    action = Action("promote", {"color": i.color, **({"soak": True} if i.settings.shrinks else {})})
    return Stage(PROMOTE, tuple(Step(place, action, i.settings.deadlines.promote) for place in i.node_places))

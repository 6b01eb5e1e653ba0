"""Start the probe: from here to the commit, requests flow through every address of the switch."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

WATCH = Kind("watch", ("operator",), changes=False, skipped="probe.enabled is off", hooks=True, standing=True)


def watch(i: Inputs) -> Stage:
    """A process of its own on the operator's machine; it ends with the run, whichever way the run ends."""
    if not i.settings.probe.enabled:
        return Stage(WATCH, ())
    return Stage(WATCH, (Step(OPERATOR, Action("watch", {"release": i.release}), i.settings.deadlines.verify),))

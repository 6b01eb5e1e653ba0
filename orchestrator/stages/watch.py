"""Start the probe: from here to the commit, requests flow through every address of the switch."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

WATCH = Kind("watch", ("operator",), changes=False, skipped="probe.enabled is off", hooks=True, standing=True)


@dataclass(frozen=True)
class Watch(Action):
    """Start the probe.

    + release: the release that gets the traffic
    """

    name = "watch"
    handler = "orchestrator.run.handlers.watch:WatchHandler"

    release: str


def watch(i: Inputs) -> Stage:
    """Start the probe as a separate process on the operator's machine. The process always ends with the run."""
    if not i.settings.probe.enabled:
        return Stage(WATCH, ())
    return Stage(WATCH, (Step(OPERATOR, Watch(i.release), i.settings.deadlines.verify),))

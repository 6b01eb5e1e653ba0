"""Start the probe. From this stage until just before the commit, the probe sends requests to all switch addresses."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import PROCESSES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

WATCH = Kind(
    "watch", ("operator",), changes=False, skipped="probe.enabled is off", hooks=True, standing=True, chain=PROCESSES
)


@dataclass(frozen=True)
class Watch(Action):
    """Start the probe.

    + release: the release to which the run moves the traffic
    + first: whether the probe starts after the cutover, because no release was live before the run, or because the site
      is closed until then
    """

    name = "watch"
    handler = "orchestrator.run.handlers.watch:WatchHandler"

    release: str
    first: bool = False


def watch(i: Inputs) -> Stage:
    """Return the stage that starts the probe as a separate process on the operator's machine.

    The stage `proof` ends this process before the commit. If the run fails before `proof`, the process ends with the
    run.
    """
    if not i.settings.probe.enabled:
        return Stage(WATCH, ())
    return Stage(
        WATCH, (Step(OPERATOR, Watch(i.release, i.live is None or bool(i.closes)), i.settings.deadlines.verify),)
    )

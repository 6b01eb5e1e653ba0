"""The handler of the action `hold schedule`, which notes which schedules a node runs."""

from __future__ import annotations

import time
from collections.abc import Collection

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.errors import CommandFailed
from orchestrator.facts.schedule import ScheduleState
from orchestrator.operations.hold_schedule import hold_schedule
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Call, OperationHandler
from orchestrator.stages.schedule import JOBS, HoldSchedule
from orchestrator.survey import schedules_at


class HoldScheduleHandler(OperationHandler[HoldSchedule]):
    """Notes the schedules with ``operations/hold_schedule.py``.

    A node may run the single-node schedules only after the nodes that ran these schedules before report that they have
    stopped. If one of these nodes still runs such a schedule after JOBS seconds, the step fails.
    """

    @classmethod
    @override
    def call(cls, step: Step[HoldSchedule], settings: Settings) -> Call:
        action = step.action
        return Call(hold_schedule, {"root": settings.node.root, "runs": action.runs, "holder": action.holder})

    @override
    def at_host(self, host: Host, step: Step[HoldSchedule], undoing: bool) -> str:
        names = {one.name for one in self.settings.schedule if one.on == "one node"}
        until = time.monotonic() + JOBS
        for name in filter(self.fleet.has, step.action.after):
            while why := obstacle(name, self._look(name), names):
                if time.monotonic() > until:
                    raise CommandFailed(why)
                time.sleep(INTERVAL)
        return super().at_host(host, step, undoing)

    def _look(self, name: str) -> ScheduleState:
        """Return the schedules of another node. Raises CommandFailed if the other node does not report them."""
        reply = self.fleet.one(name, lambda host: schedules_at(self.fleet, host), self.settings.deadlines.look)
        if reply.value is None:
            raise CommandFailed(f"{name}, which ran the single-node schedules, does not answer: {reply.error}")
        return reply.value


def obstacle(node: str, state: ScheduleState, names: Collection[str]) -> str:
    """Return why another node may not run the single-node schedules yet; empty if it may. Pure.

    + node: name of the node that ran these schedules before
    + state: the schedules of that node
    + names: the names of the single-node schedules
    """
    if state.runs == "one":
        return f"{node} still runs the single-node schedules"
    busy = [f"{job.name} ({job.seconds} s)" for job in state.jobs if job.runs and job.name in names]
    return f"{node} still runs {', '.join(busy)}" if busy else ""

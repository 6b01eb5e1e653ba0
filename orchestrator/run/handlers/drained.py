"""The handler of the action `drained`, which waits until the old color has answered its last request."""

from __future__ import annotations

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.drain import drained, left_line
from orchestrator.errors import CommandFailed
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Handler
from orchestrator.run.walk import WARNING
from orchestrator.stages.maintenance import Drained
from orchestrator.survey import color_in_flight

STILL = 0.2
"""Seconds for which a color must have no request.

A balancer may still pass on a request that arrived before the balancer began to send the page or to hold requests.
"""


class DrainedHandler(Handler[Drained]):
    """Counts the requests of a color on a node until there are none, or until the time limit is over.

    At the limit, the setting ``drain.at_limit`` decides: with ``refuse`` the step fails, with ``cut`` the run goes on.
    """

    @override
    def at_host(self, host: Host, step: Step[Drained], undoing: bool) -> str:
        color, limit = step.action.color, step.action.limit
        left = drained(lambda: color_in_flight(self.fleet, host, color), limit, STILL, INTERVAL)
        if left is None:
            return ""
        if isinstance(left, str):
            raise CommandFailed(left)
        if self.settings.drain.at_limit == "refuse":
            raise CommandFailed(left_line(color, left, limit, "drain.at_limit is refuse"))
        return f"{WARNING}{left_line(color, left, limit, 'the run continues beside them')}"

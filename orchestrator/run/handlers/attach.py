"""The handler of the action `attach`, which attaches a detached color, so that the color can get traffic again."""

from __future__ import annotations

import gevent
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.drain import drained
from orchestrator.errors import CannotTell, CommandFailed
from orchestrator.facts.idle import InFlight
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Handler
from orchestrator.stages.stick import Attach
from orchestrator.survey import color_in_flight
from orchestrator.switches.base import Api, NotDone


class AttachHandler(Handler[Attach]):
    """Waits until no client can come back to the color, then attaches the color to a switch behind an API.

    The handler waits for ``after`` seconds, in which the cookies of the color expire. Then the handler counts the
    requests of the color on the nodes, until the color had no request for ``still`` seconds. Open streams do not count,
    because they began before the color was detached. If requests still arrive after ``drain.limit`` seconds (a
    setting), the step fails, because an address of the switch may still send clients to the detached color.
    """

    @override
    def at_api(self, api: Api, step: Step[Attach]) -> str:
        action = step.action
        try:
            if action.color in api.see_weights().attached:
                return f"{action.color} is attached already"
        except CannotTell as unknown:
            raise NotDone(str(unknown)) from None
        gevent.sleep(action.after)
        if action.nodes:
            self._wait_until_left(action)
        return api.attach()

    def _wait_until_left(self, action: Attach) -> None:
        limit = self.settings.drain.limit
        left = drained(lambda: self._requests(action), limit, action.still, INTERVAL)
        if left is None:
            return
        found = left if isinstance(left, str) else f"{left.requests + left.connections} requests"
        raise CommandFailed(
            f"the nodes of {action.color} still had {found} after {limit:g} s, and old addresses of the switch may "
            f"still send clients to {action.color}: {action.color} stays detached, and the next release or "
            "rollback attaches it"
        )

    def _requests(self, action: Attach) -> InFlight | str:
        """Return the color's requests on all nodes that answer, without its streams.

        If no node answers, return one line that says why.
        """

        def look(host: Host) -> InFlight:
            return color_in_flight(self.fleet, host, action.color)

        replies = self.fleet.each(action.nodes, look, self.settings.deadlines.look)
        seen = [reply.value for reply in replies if reply.value is not None]
        if not seen:
            return f"an unknown number of requests ({replies[0].name}: {replies[0].error})"
        # a stream that carries data is also counted as a connection
        busy = (max(0, one.connections - one.streams - one.requests) for one in seen)
        return InFlight(sum(busy), sum(one.requests for one in seen))

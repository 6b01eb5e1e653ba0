"""The handler of the action `quiet`, which waits until a color has no requests in flight."""

from __future__ import annotations

from contextlib import suppress

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.drain import cut_line, drained
from orchestrator.errors import CannotTell, CommandFailed, NotYet
from orchestrator.facts.idle import InFlight
from orchestrator.model import Color
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Handler
from orchestrator.run.walk import WARNING
from orchestrator.stages.quiet import Quiet
from orchestrator.survey import color_in_flight, seen_at
from orchestrator.waiting import until


class QuietHandler(Handler[Quiet]):
    """Counts a color's requests in flight until there are none, or until the setting ``drain.limit`` is over.

    On a node, the handler counts the requests in the color's processes, and the connections and streams. If the action
    has ``idle``, the handler first waits until the color has no connection, at most ``idle`` seconds. On a balancer,
    the handler reads the balancer's own count. If the balancer sends traffic to the color, the step fails at once.
    """

    @override
    def at_host(self, host: Host, step: Step[Quiet], undoing: bool) -> str:
        look = self._balancer if host.name in self.fleet.balancers else self._node
        color, drain = step.action.color, self.settings.drain
        if step.action.idle:
            self._until_no_connection(host, color, step.action.idle)
        left = drained(lambda: look(host, color), drain.limit, step.action.still, INTERVAL)
        if left is None:
            return ""
        if isinstance(left, str):
            raise CommandFailed(left)
        line = cut_line(color, left, drain.limit, cut=drain.at_limit == "cut")
        if drain.at_limit == "refuse":
            raise CommandFailed(line)
        return f"{WARNING}{line}"

    def _until_no_connection(self, host: Host, color: Color, limit: float) -> None:
        """Wait until a color has no connection, at most ``limit`` seconds, and then return without an error."""

        def look() -> None:
            seen = self._node(host, color)
            if seen.connections or seen.idle:
                raise NotYet("connections are open")

        with suppress(CommandFailed):
            until(look, limit, INTERVAL)

    def _node(self, host: Host, color: Color) -> InFlight:
        return color_in_flight(self.fleet, host, color)

    def _balancer(self, host: Host, color: Color) -> InFlight | str:
        try:
            seen = seen_at(self.fleet, host)
        except CannotTell as unknown:
            return str(unknown)
        if share := seen.weights.share(color):
            raise CommandFailed(f"sends {share}% of the traffic to {color}: find out who moved the traffic")
        return InFlight(seen.in_flight[color] if seen.in_flight else 0)

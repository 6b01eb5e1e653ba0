"""The handler of the action `members`, which waits until a switch reaches a color on the expected nodes."""

from __future__ import annotations

import gevent
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.errors import CannotTell, NotYet
from orchestrator.facts.answers import MemberAnswers
from orchestrator.gates import members
from orchestrator.layout import HEALTH
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.stages.gate import Members
from orchestrator.survey import seen_at
from orchestrator.switches.base import Api, Seen
from orchestrator.waiting import until

API_INTERVAL = 2.0
"""Least number of seconds between two questions to a provider's API.

AWS allows an account 40 questions at once, and then 10 a second. The health checks of a target are 5 s apart or more.
"""


class MembersHandler(Handler[Members]):
    """Checks, from a balancer or through a switch's API, that the color answers on the nodes.

    On a balancer, the handler requests the health page of each node, and reads the results of the balancer's own health
    checks. Both must be good. For a switch behind an API, the handler only reads the results of the switch's own health
    checks, for all nodes at once.
    """

    @override
    def at_host(self, host: Host, step: Step[Members], undoing: bool) -> str:
        gate, asked = self.settings.gate, step.action

        def look() -> None:
            # the balancer's own health checks are read while the balancer requests the health pages
            seen = gevent.spawn(self._seen, host)
            try:
                answers = self.fleet.look(
                    host,
                    MemberAnswers,
                    stdin=self.settings.token + "\n",
                    port=self.settings.ports.of(asked.color),
                    other=self.settings.ports.of(asked.color.other),
                    path=HEALTH,
                    hostname=gate.host,
                    members=[f"{name}={self.fleet.address(name)}" for name in asked.nodes],
                    https=gate.https,
                )
                found: Seen | Exception = seen.get()
            finally:
                seen.kill()
            if isinstance(found, CannotTell):
                raise NotYet(str(found))
            if isinstance(found, Exception):
                raise found
            down = found.down[asked.color]
            problem = members.judge(answers, down, asked.nodes, asked.release, asked.required)
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

    @override
    def at_api(self, api: Api, step: Step[Members]) -> str:
        gate, asked = self.settings.gate, step.action

        def look() -> None:
            down = [name for name in api.unhealthy(asked.color) if name in asked.nodes]
            if down and (asked.required or len(down) == len(asked.nodes)):
                raise NotYet(f"{', '.join(down)}: not healthy in {asked.color}")

        until(look, gate.deadline, max(gate.interval, API_INTERVAL))
        return ""

    def _seen(self, host: Host) -> Seen | Exception:
        try:
            return seen_at(self.fleet, host)
        except Exception as error:  # noqa: BLE001 (raised by the caller, which runs in another greenlet)
            return error

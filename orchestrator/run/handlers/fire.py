"""The handler of the action `fire`. An armed node changes its link by itself; the handler only reads the result."""

from __future__ import annotations

import time

import gevent
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.errors import CommandFailed, NotYet
from orchestrator.facts import fired
from orchestrator.facts.fired import Fired, Swap
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Handler
from orchestrator.stages.cutover import Fire
from orchestrator.waiting import until


class FireHandler(Handler[Fire]):
    """Waits for the instant for which the node is armed, then reads whether the node changed its ``live`` link."""

    @override
    def at_host(self, host: Host, step: Step[Fire], undoing: bool) -> str:
        swap_time = self.context.swap
        if swap_time is None:
            raise CommandFailed("was not armed")
        gevent.sleep(max(0.0, swap_time.here - time.time()))
        swaps: list[Swap] = []

        def look() -> None:
            swap = self.fleet.look(host, Fired, root=self.settings.node.root, run=self.context.fence)
            problem = fired.judge({host.name: swap}, step.action.color)
            if problem and swap is not None and swap.outcome != "waiting":
                raise CommandFailed(problem.removeprefix(f"{host.name} "))
            if problem:
                raise NotYet(problem.removeprefix(f"{host.name} "))
            swaps.append(swap)

        until(look, swap_time.window + self.settings.deadlines.look, INTERVAL)
        return f"{swaps[-1].outcome}, {1000 * (swaps[-1].instant - swap_time.at):.1f} ms after the instant"

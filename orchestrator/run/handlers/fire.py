"""The handler of the action `fire`, which checks that an armed node has changed its ``live`` link."""

from __future__ import annotations

import time
from collections.abc import Sequence

import gevent
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.errors import CommandFailed, NotYet
from orchestrator.facts import fired
from orchestrator.facts.fired import Fired, Swap
from orchestrator.model import Weights
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Handler
from orchestrator.run.walk import Result
from orchestrator.stages.cutover import Fire, Shift
from orchestrator.waiting import until


class FireHandler(Handler[Fire]):
    """Waits for the instant for which the node is armed, then reads whether the node changed its ``live`` link.

    Before the instant, the probe is prepared for the shift. If only armed nodes shift traffic in the stage, this
    handler prepares the probe, otherwise the handler of `shift`. In an undo, the probe is not prepared.
    """

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        color = next(step.action.color for step in steps if isinstance(step.action, Fire))
        if not undoing and not any(isinstance(step.action, Shift) for step in steps):
            self.context.probe.shifting(Weights.all_to(color))
        return ()

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

"""The handler of the action `copy`, which copies a release from one node to another."""

from __future__ import annotations

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler, guard
from orchestrator.source.copy import copy
from orchestrator.stages.copy import Copy


class CopyHandler(Handler[Copy]):
    """Copies a release from another node to the operator's machine, and from there to the step's node."""

    @override
    def at_host(self, host: Host, step: Step[Copy], undoing: bool) -> str:
        through = guard(step, self.settings, self.context.fence)
        return copy(self.fleet, host, step.action.release, step.action.nodes, through)

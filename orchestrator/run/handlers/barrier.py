"""The handlers of the actions `find older` and `barrier`, which keep older releases from a schema that has changed."""

from __future__ import annotations

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.errors import CommandFailed
from orchestrator.facts.older import Older
from orchestrator.operations.barrier import barrier
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, Handler, OperationHandler
from orchestrator.stages.contract import Barrier, FindOlder

SHOWN = 5
"""The largest number of processes that a message names."""


class FindOlderHandler(Handler[FindOlder]):
    """Fails if the node runs a process that belongs to a release other than the live release."""

    @override
    def at_host(self, host: Host, step: Step[FindOlder], undoing: bool) -> str:
        settings = self.settings
        found = self.fleet.look(
            host,
            Older,
            root=settings.node.root,
            live=step.action.release,
            used=f"{settings.node.library}/used",
            user=settings.user,
        )
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise CommandFailed(
                "; ".join(map(str, found[:SHOWN])) + f"{more}: end such processes, then repeat the command"
            )
        return ""


class BarrierHandler(OperationHandler[Barrier]):
    """Notes on the node that no release older than the action's release may run there any more.

    ``operations/barrier.py`` writes this note, the barrier of a contract.
    """

    @classmethod
    @override
    def call(cls, step: Step[Barrier], settings: Settings) -> Call:
        return Call(barrier, {"root": settings.node.root, "release": step.action.release})

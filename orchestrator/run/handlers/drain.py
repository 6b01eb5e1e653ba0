"""The handler of the action `drain`, which makes nginx on a node end its connections, or keep them open again."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.drain import drain
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.drain import Drain


class DrainHandler(OperationHandler[Drain]):
    """Writes or removes the drain mark of a node with ``operations/drain.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Drain], settings: Settings) -> Call:
        action = step.action
        return Call(drain, {"mark": settings.node.drain_mark, "on": action.on, "any_mark": not action.undo})

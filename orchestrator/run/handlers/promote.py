"""The handler of the action `promote`, which points a node's ``live`` link to a color."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.promote import promote
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.promote import Promote


class PromoteHandler(OperationHandler[Promote]):
    """Points the ``live`` link of a node to a color with ``operations/promote.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Promote], settings: Settings) -> Call:
        action = step.action
        return Call(
            promote, {"root": settings.node.root, "color": action.color, "app": settings.name, "soak": action.soak}
        )

"""The handler of the action `disarm`, which keeps an armed node from changing its ``live`` link."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.arm import disarm
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.arm import Disarm


class DisarmHandler(OperationHandler[Disarm]):
    """Disarms a node with the operation ``disarm`` in ``operations/arm.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Disarm], settings: Settings) -> Call:
        return Call(disarm, {"root": settings.node.root})

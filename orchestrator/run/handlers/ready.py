"""The handler of the action `ready`, which checks that a switch would accept new weights."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.model import Weights
from orchestrator.operations.ready import ready
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.arm import Ready
from orchestrator.switches.base import Api


class ReadyHandler(OperationHandler[Ready]):
    """Checks that a switch would accept a shift: on a balancer by ``operations/ready.py``, otherwise through an API."""

    @classmethod
    @override
    def call(cls, step: Step[Ready], settings: Settings) -> Call:
        action = step.action
        return Call(ready, {"app": settings.name, "kind": action.kind, "green": action.green})

    @override
    def at_api(self, api: Api, step: Step[Ready]) -> str:
        return api.arm(Weights(step.action.green), back=step.action.back)

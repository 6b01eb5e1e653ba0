"""The handler of the action `shift`, which sets the weights at a switch."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.model import Weights
from orchestrator.operations.shift import shift
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.run.walk import Result
from orchestrator.stages.cutover import Shift
from orchestrator.switches.base import Api


class ShiftHandler(OperationHandler[Shift]):
    """Sets green's weight at a switch: on a balancer with ``operations/shift.py``, otherwise through the switch's API.

    Before a shift, the handler prepares the probe for the new weights. In an undo, the probe is not prepared.
    """

    persists = True

    @classmethod
    @override
    def call(cls, step: Step[Shift], settings: Settings) -> Call:
        action = step.action
        return Call(shift, {"app": settings.name, "kind": action.kind, "green": action.green})

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        asked = [step.action for step in steps if isinstance(step.action, Shift)]
        if not undoing:
            self.context.probe.shifting(Weights(asked[0].green))
        return ()

    @override
    def at_api(self, api: Api, step: Step[Shift]) -> str:
        return api.shift(Weights(step.action.green), back=step.action.back)

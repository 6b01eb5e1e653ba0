"""The handler of the action `hold`, which lets new requests wait at a balancer, or lets them go on."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.hold import hold
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.run.walk import WARNING
from orchestrator.stages.maintenance import Hold


class HoldHandler(OperationHandler[Hold]):
    """Runs ``operations/hold.py`` on a balancer: from now on, new requests wait, or go on.

    If the requests are to go on, but the hold has already ended by itself, the handler shows a warning.
    """

    persists = True

    @classmethod
    @override
    def call(cls, step: Step[Hold], settings: Settings) -> Call:
        action = step.action
        return Call(hold, {"app": settings.name, "kind": action.kind, "seconds": action.seconds})

    @override
    def heard(self, lines: Sequence[str]) -> str:
        if "ended" not in lines:
            return ""
        return f"{WARNING}the hold had ended by itself: requests were answered before this stage"

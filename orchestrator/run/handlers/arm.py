"""The handler of the action `arm`, which arms a node to change its ``live`` link at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.arm import arm
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.run.swap_time import SwapTime, agree
from orchestrator.run.walk import Result
from orchestrator.stages.arm import Arm


class ArmHandler(OperationHandler[Arm]):
    """Chooses the instant at which all nodes change their ``live`` links. Then ``operations/arm.py`` arms each node."""

    @classmethod
    @override
    def call(cls, step: Step[Arm], settings: Settings) -> Call:
        action = step.action
        return Call(arm, {"root": settings.node.root, "color": action.color, **_when(None, 0)})

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        swap = agree(self.fleet, [step.place.name for step in steps if isinstance(step.action, Arm)])
        self.context.swap = swap
        return tuple(Result(step.place, swap.problem) for step in steps) if swap.problem and not undoing else ()

    @override
    def sent(self, host: Host, step: Step[Arm]) -> tuple[Mapping[str, Any], str | None]:
        return _when(self.context.swap, self.context.fence), None


def _when(swap: SwapTime | None, fence: int) -> dict[str, Any]:
    """Return the arguments of the operation `arm` that are known only during the run, not when a plan is shown.

    + swap: the chosen instant; None if a plan is shown
    + fence: the number of the run; 0 if a plan is shown
    """
    return {"at": swap.at if swap else 0.0, "window": swap.window if swap else 0.0, "run": fence}

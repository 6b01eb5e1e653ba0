"""The handler of the action `scaling`, which suspends or resumes processes of the Auto Scaling group."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.run.scaling import keep_still
from orchestrator.stages.scaling import Scaling


class ScalingHandler(Handler[Scaling]):
    """Suspends or resumes processes of the Auto Scaling group through AWS's API."""

    @override
    def at_operator(self, step: Step[Scaling]) -> str:
        return keep_still(self.settings, step.action)

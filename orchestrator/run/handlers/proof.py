"""The handler of the action `proof`, which ends the probe and judges its report."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.stages.proof import Proof


class ProofHandler(Handler[Proof]):
    """Ends the run's probe, and judges the failed requests in the probe's report if the action has ``judged``."""

    @override
    def at_operator(self, step: Step[Proof]) -> str:
        return self.context.probe.end(self.settings.probe.after, step.action.judged)

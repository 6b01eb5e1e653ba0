"""The handler of the action `proof`, which ends the probe and judges its report."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.run.walk import WARNING
from orchestrator.stages.proof import Proof


class ProofHandler(Handler[Proof]):
    """Ends the run's probe, and judges the failed requests in the probe's report if the action has ``judged``.

    If the report does not prove that no request failed because of the run, the handler shows a warning. With the
    setting ``probe.proof = "strict"``, the step fails instead.
    """

    @override
    def at_operator(self, step: Step[Proof]) -> str:
        detail, doubt = self.context.probe.end(self.settings.probe.after, step.action.judged)
        return f"{detail}\n{WARNING}{doubt}, so the probe does not prove that no request failed" if doubt else detail

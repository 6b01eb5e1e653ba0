"""The handler of the action `watch`, which starts the probe."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.stages.watch import Watch


class WatchHandler(Handler[Watch]):
    """Starts the run's probe."""

    @override
    def at_operator(self, step: Step[Watch]) -> str:
        return self.context.probe.begin(step.action.release, step.action.first)

"""The handler of the action `newcomers`, which keeps new instances of the Auto Scaling group from traffic."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.run.scaling import newcomers
from orchestrator.run.walk import WARNING
from orchestrator.stages.scaling import Newcomers


class NewcomersHandler(Handler[Newcomers]):
    """Keeps new instances from traffic. Shows a warning for each instance that was added or removed during the run."""

    @override
    def at_operator(self, step: Step[Newcomers]) -> str:
        return "\n".join(f"{WARNING}{line}" for line in newcomers(self.settings, step.action))

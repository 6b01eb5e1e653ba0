"""The handler of the action `page`, which lets a balancer send the page of maintenance, or not."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.page import page
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.maintenance import Page


class PageHandler(OperationHandler[Page]):
    """Runs ``operations/page.py`` on a balancer."""

    persists = True

    @classmethod
    @override
    def call(cls, step: Step[Page], settings: Settings) -> Call:
        action = step.action
        return Call(page, {"app": settings.name, "kind": action.kind, "on": action.on})

"""The handler of the action `unchanged`, which checks that a release changes only code."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.unchanged import unchanged
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.unchanged import Unchanged


class UnchangedHandler(OperationHandler[Unchanged]):
    """Runs ``operations/unchanged.py`` on a node.

    The operation fails if only the live release has an environment file or the outputs of a build step, or if the
    shared paths differ.
    """

    @classmethod
    @override
    def call(cls, step: Step[Unchanged], settings: Settings) -> Call:
        action = step.action
        return Call(unchanged, {"root": settings.node.root, "release": action.release, "live": action.live})

"""The handler of the action `discard`, which removes one release."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.discard import discard
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.fetch import Discard


class DiscardHandler(OperationHandler[Discard]):
    """Removes one release from a node with ``operations/discard.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Discard], settings: Settings) -> Call:
        action = step.action
        return Call(
            discard,
            {"root": settings.node.root, "release": action.release, "remove": f"{settings.node.library}/remove"},
        )

"""The handler of the action `tidy`, which removes incomplete releases and packed releases (tar files)."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.tidy import tidy
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.prune import Tidy


class TidyHandler(OperationHandler[Tidy]):
    """Removes the incomplete and packed releases of earlier runs from a node with ``operations/tidy.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Tidy], settings: Settings) -> Call:
        return Call(tidy, {"root": settings.node.root, "remove": f"{settings.node.library}/remove"})

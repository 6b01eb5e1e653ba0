"""The handler of the action `prune`, which removes old releases."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.prune import prune
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.prune import Prune


class PruneHandler(OperationHandler[Prune]):
    """Removes old releases from a node with ``operations/prune.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Prune], settings: Settings) -> Call:
        action = step.action
        node = settings.node
        return Call(
            prune,
            {
                "root": node.root,
                "keep": action.keep,
                "used": f"{node.library}/used",
                "remove": f"{node.library}/remove",
                "needed": action.needed,
            },
        )

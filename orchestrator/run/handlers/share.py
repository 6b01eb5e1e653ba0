"""The handler of the action `share`, which links a release to the shared files."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.share import share
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.share import Share


class ShareHandler(OperationHandler[Share]):
    """Links a release to the shared directories and files with ``operations/share.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Share], settings: Settings) -> Call:
        action = step.action
        shared = settings.shared
        return Call(
            share,
            {
                "root": settings.node.root,
                "release": action.release,
                "directories": shared.directories,
                "files": shared.files,
                "seed": shared.seed,
            },
        )

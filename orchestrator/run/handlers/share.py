"""The handler of the action `share`, which puts links to the shared files into a release."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.share import share
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.share import Share


class ShareHandler(OperationHandler[Share]):
    """Puts links to the shared directories and files into a release with ``operations/share.py``."""

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

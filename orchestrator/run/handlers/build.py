"""The handler of the action `build`, which runs a build step (such as composer) in a release."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.build import build
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.build import Build


class BuildHandler(OperationHandler[Build]):
    """Runs one build step on a node with ``operations/build.py``."""

    output = True

    @classmethod
    @override
    def call(cls, step: Step[Build], settings: Settings) -> Call:
        action = step.action
        asked = next(one for one in settings.build if one.name == action.step)
        return Call(
            build,
            {
                "root": settings.node.root,
                "release": action.release,
                "color": action.color,
                "live": action.live,
                "step": action.step,
                "only_taken_over": action.only_taken_over,
                "as_web": settings.node.as_web if action.user else None,
                **asked.parts,
            },
        )

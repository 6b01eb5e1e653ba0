"""The handler of the action `permit`, which sets owners and modes of a release's files."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.permit import permit
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.permit import Permit


class PermitHandler(OperationHandler[Permit]):
    """Sets owners and modes of a release's files with ``operations/permit.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Permit], settings: Settings) -> Call:
        action = step.action
        environment = settings.environment
        made = [path for one in settings.build if one.on == "nodes" for path in one.outputs]
        return Call(
            permit,
            {
                "root": settings.node.root,
                "release": action.release,
                "own": f"{settings.node.library}/own",
                "web_user": settings.web_user,
                "environment": environment.path if environment else None,
                "environment_owner": settings.environment_owner,
                **settings.permissions.model_dump(),
                "outputs": made,
            },
        )

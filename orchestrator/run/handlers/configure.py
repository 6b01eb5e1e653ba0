"""The handler of the action `configure`, which writes the configuration of nginx and other programs into a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.errors import OrchestratorError
from orchestrator.operations.configure import configure
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.run.walk import Result
from orchestrator.stack.files import files, packed
from orchestrator.stages.configure import Configure


class ConfigureHandler(OperationHandler[Configure]):
    """Writes the configuration files of a release on a node with ``operations/configure.py``.

    The operator's machine makes the files once for all nodes. Each node gets the files on standard input.
    """

    _packed = ""

    @classmethod
    @override
    def call(cls, step: Step[Configure], settings: Settings) -> Call:
        return Call(
            configure,
            {
                "root": settings.node.root,
                "release": step.action.release,
                "check": f"{settings.node.library}/check-stack",
                "web_user": settings.web_user,
                "include": settings.web.include or "",
                "live": step.action.live,
            },
        )

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        try:
            self._packed = packed(files(self.settings), self.settings.php.public)
        except OrchestratorError as error:
            return tuple(Result(step.place, str(error)) for step in steps)
        return ()

    @override
    def sent(self, host: Host, step: Step[Configure]) -> tuple[Mapping[str, Any], str | None]:
        return {}, self._packed

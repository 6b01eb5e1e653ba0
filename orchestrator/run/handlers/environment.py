"""The handler of the action `environment`, which writes the environment file of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.environment import text
from orchestrator.errors import OrchestratorError
from orchestrator.operations.environment import environment
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.run.walk import Result
from orchestrator.stages.environment import Environment


class EnvironmentHandler(OperationHandler[Environment]):
    """Writes the environment file of a release with ``operations/environment.py``.

    The operator's machine reads the values once for all nodes. Each node gets the values on standard input.
    """

    _text = ""

    @classmethod
    @override
    def call(cls, step: Step[Environment], settings: Settings) -> Call:
        action = step.action
        assert settings.environment is not None
        return Call(
            environment,
            {
                "root": settings.node.root,
                "path": settings.environment.path,
                "release": action.release,
                "live": action.live,
                "only_same": action.only_same,
            },
        )

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        try:
            self._text = text(self.fleet.variables.read())
        except OrchestratorError as error:
            return tuple(Result(step.place, str(error)) for step in steps)
        return ()

    @override
    def sent(self, host: Host, step: Step[Environment]) -> tuple[Mapping[str, Any], str | None]:
        return {}, self._text

"""The handler of the action `fetch`, which brings the files of a release to a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.errors import CommandFailed, OrchestratorError
from orchestrator.plan.steps import OPERATOR, Step
from orchestrator.run.handler import Call, Context, OperationHandler
from orchestrator.run.walk import WARNING, Result
from orchestrator.source.delivery import Delivery
from orchestrator.source.kinds import kind_of
from orchestrator.stages.fetch import Fetch


class FetchHandler(OperationHandler[Fetch]):
    """Prepares the fetch once on the operator's machine, then brings the release's files to each node.

    Each kind of source has its own operation. Depending on the kind, each node downloads the files, or the operator's
    machine sends the files.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._delivery = Delivery(context.fleet)

    @classmethod
    @override
    def call(cls, step: Step[Fetch], settings: Settings) -> Call:
        return Call(*kind_of(settings).fetch(step.action.release, step.action.revision))

    @override
    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        action = next(step.action for step in steps if isinstance(step.action, Fetch))
        try:
            self._delivery.prepare(action.ref, action.revision, action.release, action.color)
        except (OrchestratorError, CommandFailed) as error:
            output = error.output if isinstance(error, CommandFailed) else ()
            return (Result(OPERATOR, str(error), output=output),)
        return ()

    @override
    def sent(self, host: Host, step: Step[Fetch]) -> tuple[Mapping[str, Any], str | None]:
        self._delivery.push(host, step.action.release, step.action.live)
        return self._delivery.arguments, self._delivery.stdin

    @override
    def heard(self, lines: Sequence[str]) -> str:
        prepared = [f"{WARNING}{line}" for line in self._delivery.warnings]
        return "\n".join([*prepared, *(line for line in lines if line.startswith(WARNING))])

    @override
    def close(self) -> None:
        self._delivery.close()

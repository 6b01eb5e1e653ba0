"""Performs `fetch`: each kind of source has an operation of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.source import ArchiveSource, GitSource, Tarball
from orchestrator.errors import CommandFailed, OrchestratorError
from orchestrator.operations.extract import extract
from orchestrator.operations.fetch import fetch
from orchestrator.operations.receive import receive
from orchestrator.plan.steps import OPERATOR, Step
from orchestrator.run.handler import Call, Context, OperationHandler
from orchestrator.run.walk import Result
from orchestrator.source.delivery import Delivery
from orchestrator.stages.fetch import Fetch


class FetchHandler(OperationHandler[Fetch]):
    """The operator's machine prepares what the nodes get once, then each node pulls it or is sent it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._delivery = Delivery(context.fleet)

    @classmethod
    @override
    def call(cls, step: Step[Fetch], settings: Settings) -> Call:
        source, node, action = settings.source, settings.node, step.action
        always = {"root": node.root, "release": action.release}
        if isinstance(source, GitSource):
            of_git = {"revision": action.revision, "origin": source.address, "login": bool(source.login)}
            return Call(fetch, {**always, **of_git, "ssh": node.ssh, "leave_out": settings.left_out})
        if isinstance(source, ArchiveSource) or (isinstance(source, Tarball) and source.url):
            of_archive = {"sha256": action.revision, "strip": source.strip, "pushed": source.url is None}
            return Call(extract, {**always, **of_archive})
        # a plan does not know the hash of the files before they are built
        return Call(receive, {**always, "expected": ""})

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
    def close(self) -> None:
        self._delivery.close()

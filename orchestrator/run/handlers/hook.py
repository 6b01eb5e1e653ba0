"""The handler of the action `hook`, which runs a hook's command."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator import local
from orchestrator.config import Settings
from orchestrator.errors import CommandFailed, TookTooLong
from orchestrator.journal.session import who
from orchestrator.operations.hook import hook
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler, seconds
from orchestrator.stages.hooks import RunHook


class RunHookHandler(OperationHandler[RunHook]):
    """Runs a hook's command, either on a host (with ``operations/hook.py``) or on the operator's machine."""

    output = True

    @classmethod
    @override
    def call(cls, step: Step[RunHook], settings: Settings) -> Call:
        action = step.action
        directory = settings.node.release(action.release)
        return Call(
            hook,
            {
                "run": action.run,
                "release": action.release,
                "color": action.color,
                "directory": directory,
                "as_web": settings.node.as_web if action.user else None,
                "facts": action.facts | ({"RELEASE_PATH": directory} if step.place.kind == "node" else {}),
            },
        )

    @override
    def sent(self, host: Host, step: Step[RunHook]) -> tuple[Mapping[str, Any], str | None]:
        return {"facts": {**self.call(step, self.settings).arguments["facts"], **self._of_this_process}}, None

    @override
    def at_host(self, host: Host, step: Step[RunHook], undoing: bool) -> str:
        began = time.monotonic()
        try:
            return super().at_host(host, step, undoing)
        except CommandFailed as failure:
            # when the guard kills a command, the guard prints no message
            if time.monotonic() - began < seconds(step.deadline):
                raise
            raise TookTooLong(f"{step.action.title}took longer than {step.deadline:g} s", failure.output) from None

    @override
    def at_operator(self, step: Step[RunHook]) -> str:
        action = step.action
        variables = action.facts | self._of_this_process
        try:
            done = local.run(action.run, step.deadline, environment=variables, together=True)
        except TookTooLong as late:
            raise TookTooLong(f"the hook {late}", late.output) from None
        said = done.stdout.strip().splitlines()
        if done.returncode:
            last = f": {said[-1]}" if said else ""
            raise CommandFailed(f"`{action.run}` ended with status {done.returncode}{last}", said)
        return said[-1] if said else ""

    @property
    def _of_this_process(self) -> dict[str, str]:
        return {"ORCHESTRATOR_USER": who(), "ORCHESTRATOR_REPORT": self.context.report}

"""The handler of the action `hook`, which runs a hook's command."""

from __future__ import annotations

from typing_extensions import override

from orchestrator import local
from orchestrator.config import Settings
from orchestrator.errors import CommandFailed
from orchestrator.operations.hook import hook
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.hooks import RunHook


class RunHookHandler(OperationHandler[RunHook]):
    """Runs a hook's command, either on a host (with ``operations/hook.py``) or on the operator's machine."""

    output = True

    @classmethod
    @override
    def call(cls, step: Step[RunHook], settings: Settings) -> Call:
        action = step.action
        return Call(
            hook,
            {
                "run": action.run,
                "release": action.release,
                "color": action.color,
                "directory": settings.node.release(action.release),
                "as_web": settings.node.as_web if action.user else None,
            },
        )

    @override
    def at_operator(self, step: Step[RunHook]) -> str:
        action = step.action
        variables = {"RELEASE": action.release, "COLOR": action.color.value}
        done = local.run(action.run, step.deadline, environment=variables, together=True)
        said = done.stdout.strip().splitlines()
        if done.returncode:
            last = f": {said[-1]}" if said else ""
            raise CommandFailed(f"`{action.run}` ended with status {done.returncode}{last}", said)
        return said[-1] if said else ""

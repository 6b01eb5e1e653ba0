"""Lists the shell commands that a step would run on its host. A printed plan can show these commands."""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.plan.steps import Step
from orchestrator.run.handler import OperationHandler, guard, handler_of


def commands(step: Step, settings: Settings) -> list[str]:
    """Return the shell commands that a step would run on its host, with secrets masked. Pure.

    Return an empty list if the step runs no pyinfra operation on a host. Such a step only reads facts, copies a release
    from another node, calls an API, or acts on the operator's machine.
    """
    handler = handler_of(type(step.action))
    if step.place.kind in ("api", "operator") or not issubclass(handler, OperationHandler):
        return []
    call = handler.call(step, settings)
    guarded = {"guard": guard(step, settings, fence=0)} if handler.guarded else {}
    return [command.get_masked_value() for command in call.operation._inner(**call.arguments, **guarded)]  # type: ignore[attr-defined]  # noqa: SLF001 (pyinfra has no public way)

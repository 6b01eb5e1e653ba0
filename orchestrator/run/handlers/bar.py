"""The handler of the action `bar`, which makes a switch send no traffic to some nodes, or lets these nodes in again."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.bar import bar
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.bar import Bar
from orchestrator.switches.base import Api


class BarHandler(OperationHandler[Bar]):
    """Runs ``operations/bar.py`` on a balancer, or calls the API of a switch, to bar nodes or let them in."""

    persists = True

    @classmethod
    @override
    def call(cls, step: Step[Bar], settings: Settings) -> Call:
        action = step.action
        return Call(
            bar, {"script": f"{settings.balancer.library}/bar", "addresses": action.addresses, "out": action.out}
        )

    @override
    def at_api(self, api: Api, step: Step[Bar]) -> str:
        return api.bar(step.action.addresses, out=step.action.out)

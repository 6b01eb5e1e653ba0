"""The handler of the action `start`, which starts a release in a color."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.operations.start import start
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler
from orchestrator.stages.start import Start


class StartHandler(OperationHandler[Start]):
    """Points a color to a release and restarts the color's processes with ``operations/start.py``."""

    @classmethod
    @override
    def call(cls, step: Step[Start], settings: Settings) -> Call:
        action = step.action
        node, color = settings.node, action.color
        return Call(
            start,
            {
                "root": node.root,
                "color": color,
                "release": action.release,
                "out": action.out,
                "target": node.target(color),
                "services": action.services,
                "warms": action.warms,
                "said": f"{node.library}/said",
                "timer": node.shrink(color, "timer") if settings.shrinks else "",
            },
        )

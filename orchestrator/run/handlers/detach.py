"""The handler of the action `detach`, which detaches a color from a switch, so that no client stays on this color."""

from __future__ import annotations

import gevent
from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.stages.stick import Detach
from orchestrator.switches.base import Api


class DetachHandler(Handler[Detach]):
    """Waits for ``after`` seconds, then detaches a color from a switch behind an API."""

    @override
    def at_api(self, api: Api, step: Step[Detach]) -> str:
        gevent.sleep(step.action.after)
        return api.detach(step.action.color)

"""The handler of the action `attach`, which attaches a detached color, so that the color can get traffic again."""

from __future__ import annotations

import gevent
from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.stages.stick import Attach
from orchestrator.switches.base import Api


class AttachHandler(Handler[Attach]):
    """Waits for ``after`` seconds, then attaches the detached color to a switch behind an API."""

    @override
    def at_api(self, api: Api, step: Step[Attach]) -> str:
        gevent.sleep(step.action.after)
        return api.attach()

"""Performs `attach`."""

from __future__ import annotations

import gevent
from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.stages.stick import Attach
from orchestrator.switches.base import Api


class AttachHandler(Handler[Attach]):
    """The switch knows both colors again, once the wait is over."""

    @override
    def at_api(self, api: Api, step: Step[Attach]) -> str:
        gevent.sleep(step.action.after)
        return api.attach()

"""The handler of the action `bake`, which watches the new color for some time."""

from __future__ import annotations

import itertools

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.bake import Baking
from orchestrator.run.handler import Context, Handler
from orchestrator.stages.bake import Bake


class BakeHandler(Handler[Bake]):
    """Watches the new color on the operator's machine.

    The handler numbers the comparisons of both colors through the whole run. Each comparison can give a wrong verdict
    by chance, so later comparisons need stronger evidence.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._looks = itertools.count(1)

    @override
    def at_operator(self, step: Step[Bake]) -> str:
        return Baking(self.fleet, self.context.probe, self._looks, step.action).run()

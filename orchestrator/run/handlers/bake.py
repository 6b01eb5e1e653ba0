"""Performs `bake`."""

from __future__ import annotations

import itertools

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.bake import Baking
from orchestrator.run.handler import Context, Handler
from orchestrator.stages.bake import Bake


class BakeHandler(Handler[Bake]):
    """Watches the new color. Counts the comparisons of the run: each one makes a wrong verdict by chance likelier."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._looks = itertools.count(1)

    @override
    def at_operator(self, step: Step[Bake]) -> str:
        return Baking(self.fleet, self.context.probe, self._looks, step.action).run()

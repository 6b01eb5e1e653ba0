"""The handler of the action `verify`, which sends requests to the switch and checks which releases answer."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Handler
from orchestrator.run.verify import Verifier
from orchestrator.stages.verify import Verify
from orchestrator.waiting import until


class VerifyHandler(Handler[Verify]):
    """Sends requests from the operator's machine to every address of the switch, until the right releases answer."""

    @override
    def at_operator(self, step: Step[Verify]) -> str:
        asked, verifier = step.action, Verifier(self.settings)

        def look() -> None:
            if asked.other is None:
                verifier.whole(asked.release, asked.tolerant)
            else:
                verifier.split(asked.release, asked.other)

        until(look, self.settings.deadlines.verify, INTERVAL)
        if asked.other is None:
            self.context.probe.verified()
        return verifier.detail

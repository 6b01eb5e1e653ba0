"""The handler of the action `gate`, which checks on a node that a color answers requests with the right release."""

from __future__ import annotations

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.errors import NotYet
from orchestrator.gates import code, http
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.runtimes import runtime_of
from orchestrator.stages.gate import Gate
from orchestrator.survey import color_answers
from orchestrator.waiting import until


class GateHandler(Handler[Gate]):
    """Checks that the color's health page names the release, and that the color's processes run the release's code.

    Repeats these checks until they succeed, or until the setting ``gate.deadline`` is over.
    """

    @override
    def at_host(self, host: Host, step: Step[Gate], undoing: bool) -> str:
        gate, color, release = self.settings.gate, step.action.color, step.action.release
        what = runtime_of(self.settings).label

        def look() -> None:
            said = color_answers(self.fleet, host, color, gate.successes)
            problem = http.judge(said.answers, release, gate.successes, said.why) or code.judge(said, release, what)
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

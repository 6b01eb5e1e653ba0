"""The results of a chain's stages, collected while the places perform the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.plan.steps import Step
from orchestrator.run.walk import Performed, Result, StageEnded

Judge = Callable[[Sequence[Step], tuple[Result, ...]], tuple[Result, ...]]
"""A function that judges the results of all steps of a stage together, and returns the results."""


class ChainResults:
    """Collects the results of steps, and reports each stage in the order of the stages.

    + stages: the steps of each stage
    + judge: judges the results of a stage before the stage is reported
    + report: is called for each stage
    """

    def __init__(self, stages: Sequence[Sequence[Step]], judge: Judge, report: StageEnded) -> None:
        self._stages = stages
        self._judge = judge
        self._report = report
        self._results: list[dict[int, Result]] = [{} for _ in stages]
        self._times: list[list[float]] = [[] for _ in stages]
        self._next = 0
        """The number of the first stage that is not reported."""

    def add(self, stage: int, step: int, result: Result, began: float, ended: float) -> None:
        """Add the result of a step, then report the stages whose steps have all ended.

        + stage: the number of the stage
        + step: the number of the step in the stage
        + began: the time at which the step began, in seconds of the clock of the caller
        + ended: the time at which the step ended
        """
        self._results[stage][step] = result
        self._times[stage] += (began, ended)
        while self._next < len(self._stages) and len(self._results[self._next]) == len(self._stages[self._next]):
            self._report_next()

    def close(self) -> None:
        """Report the stages that are left because some places have not performed all their steps."""
        while self._next < len(self._stages):
            self._report_next()

    def _report_next(self) -> None:
        number = self._next
        self._next += 1
        if found := self._results[number]:
            results = tuple(found[step] for step in sorted(found))
            times = self._times[number]
            self._report(number, Performed(self._judge(self._stages[number], results), max(times) - min(times)))

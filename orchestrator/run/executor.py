"""Performs the steps of a stage: gives each step to the handler of its action, and ends steps that take too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import CannotTell, CommandFailed, NotYet, OrchestratorError
from orchestrator.fleet import Fleet, at_once
from orchestrator.plan.steps import Action, NoTraffic, Place, Step
from orchestrator.probe.report import Report
from orchestrator.run.chain_results import ChainResults
from orchestrator.run.handler import Context, Handler, handler_of
from orchestrator.run.run_probe import RunProbe
from orchestrator.run.traffic import refusals
from orchestrator.run.walk import WARNING, Performed, Result, StageEnded
from orchestrator.waiting import within


class Executor:
    """Performs the steps of one run.

    + fence: the number of the run. Once a newer run has used a host, the host's guard refuses this run's commands
    + report: path of the report file (``--data report=``); None for no report
    + probe: the run's probe, if it was prepared
    """

    def __init__(self, fleet: Fleet, fence: int, report: str | None = None, probe: RunProbe | None = None) -> None:
        self._fleet = fleet
        probe = probe or RunProbe(fleet.settings)
        self._context = Context(fleet, fence, probe, str(Path(report).absolute()) if report else "")
        self._handlers: dict[type[Action], Handler[Any]] = {}

    @property
    def report(self) -> Report | None:
        """The report of the probe, None until the probe has ended."""
        return self._context.probe.report

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Perform all steps in parallel. Return one result per step, in the order of the steps.

        If a step fails, the step's result holds the error. Before the steps, handlers may prepare the stage on the
        operator's machine (``Handler.before``). If a preparation fails, no step is performed, and this method returns
        the results of the failed preparation.

        + undoing: whether the steps are part of an undo
        """
        if failed := self._prepared(steps, undoing):
            return failed
        results = tuple(at_once([lambda step=step: self._one(step, undoing) for step in steps]))  # type: ignore[misc]
        return self._together(steps, results)

    def chain(self, stages: Sequence[Sequence[Step]], goes_on: bool, ended: StageEnded) -> None:
        """Perform the steps of a chain's stages. Each place performs its steps in order, and waits for no other place.

        Before the steps, handlers prepare all stages on the operator's machine. If a preparation fails, no step is
        performed, and the stage of this preparation has the failed results.

        + stages: the steps of each stage
        + goes_on: whether a place also performs its later steps if one of its steps fails
        + ended: is called for each stage
        """
        for number, steps in enumerate(stages):
            if failed := self._prepared(steps, undoing=False):
                ended(number, Performed(failed, 0.0))
                return
        results = ChainResults(stages, self._together, ended)
        at_place: dict[Place, list[tuple[int, int]]] = {}
        for number, steps in enumerate(stages):
            for index, step in enumerate(steps):
                at_place.setdefault(step.place, []).append((number, index))

        def along(own: Sequence[tuple[int, int]]) -> None:
            for number, index in own:
                began = time.monotonic()
                result = self._one(stages[number][index], undoing=False)
                results.add(number, index, result, began, time.monotonic())
                if result.error and not goes_on:
                    return

        at_once([lambda own=own: along(own) for own in at_place.values()])  # type: ignore[misc]
        results.close()

    def _prepared(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Prepare a stage on the operator's machine. Return the failed results, or () if the preparation succeeded."""
        for handler in self._handlers_of(steps):
            if failed := handler.before(steps, undoing):
                return tuple(map(self._hidden, failed))
        return ()

    def _together(self, steps: Sequence[Step], results: tuple[Result, ...]) -> tuple[Result, ...]:
        for handler in self._handlers_of(steps):
            results = handler.together(results)
        return results

    def _handlers_of(self, steps: Sequence[Step]) -> tuple[Handler[Any], ...]:
        return tuple(dict.fromkeys(self._handler(step.action) for step in steps))

    def refusals(self, needs: Sequence[NoTraffic]) -> tuple[Result, ...]:
        """Ask the switches whether these colors get no traffic. Return one failed result per switch that objects."""
        return tuple(map(self._hidden, refusals(self._fleet, needs)))

    def close(self) -> None:
        """Remove the run's temporary files from the operator's machine. If the probe still runs, end the probe.

        The report of the probe can still be read afterwards.
        """
        for handler in self._handlers.values():
            handler.close()
        self._context.probe.close()

    def _handler(self, action: Action) -> Handler[Any]:
        kind = type(action)
        if kind not in self._handlers:
            self._handlers[kind] = handler_of(kind)(self._context)
        return self._handlers[kind]

    def _one(self, step: Step, undoing: bool) -> Result:
        try:
            found = self._result(step, undoing)
        except Exception as error:  # noqa: BLE001 (an unexpected error becomes the result of its step)
            # an unexpected error at one place must not stop an undo or the work at the other places
            found = Result(step.place, f"{type(error).__name__}: {error}")
        if found.error and step.action.advisory:
            found = replace(found, error=None, lost=False, detail=f"{WARNING}{found.error}")
        return self._hidden(found)

    def _hidden(self, found: Result) -> Result:
        hide = self._fleet.mask.hide
        return replace(
            found,
            error=None if found.error is None else hide(found.error),
            detail=hide(found.detail),
            output=tuple(map(hide, found.output)),
        )

    def _result(self, step: Step, undoing: bool) -> Result:
        handler = self._handler(step.action)
        if step.place.kind == "operator":
            return _here(step, lambda: handler.at_operator(step))
        if step.place.kind == "api":
            return _here(step, lambda: handler.at_api(self._fleet.apis[step.place.name], step))
        reply = self._fleet.one(
            step.place.name, lambda host: handler.at_host(host, step, undoing), step.deadline, step.action.title
        )
        output = reply.output if handler.output else ()
        return Result(step.place, reply.error, reply.lost, reply.seconds, reply.value or "", output)


def _here(step: Step, act: Callable[[], str]) -> Result:
    """Perform a step on the operator's machine or through an API. Return the step's result.

    + act: performs the step and returns a line of detail for the report
    """
    began = time.monotonic()
    error: str | None = None
    detail = ""
    output: tuple[str, ...] = ()
    try:
        with within(step.deadline, NotYet(f"{step.action.title}took longer than {step.deadline:g} s")):
            detail = act()
    except CommandFailed as failure:
        error, output = str(failure), failure.output
    except (NotYet, CannotTell, OrchestratorError) as failure:
        error = str(failure)
    return Result(step.place, error, seconds=time.monotonic() - began, detail=detail, output=output)

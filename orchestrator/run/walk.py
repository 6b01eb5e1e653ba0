"""Walks a plan: journals, commits, undoes. The walk knows stages and steps, but not the work that steps do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.errors import Interrupted, OrchestratorError, TakenOver
from orchestrator.journal import records
from orchestrator.journal.records import RunRecord
from orchestrator.plan.steps import Place, Plan, Stage, Step

WARNING = "warning: "
"""The prefix of a line of a step's detail that is shown as a warning."""


@dataclass(frozen=True)
class Result:
    """The result of a step.

    + error: None if the step succeeded, else one line
    + lost: whether the place did not answer at all, so that the effect of the step is unknown
    + seconds: how long the step took
    + detail: the observations of a step that looks, for the report
    + output: the last lines that an application's own command printed before it failed
    """

    place: Place
    error: str | None = None
    lost: bool = False
    seconds: float = 0.0
    detail: str = ""
    output: tuple[str, ...] = ()

    @property
    def record(self) -> records.PlaceResult:
        """The result as the journal and the report record it."""
        return records.PlaceResult(self.place.name, self.seconds, self.error or "", self.lost, self.detail, self.output)


@dataclass(frozen=True)
class Event:
    """An event of a run: one stream of events feeds journal, terminal and report.

    + record: the event's type: intent | results | commit | paused | undoing | undone | warning
    """

    record: str
    stage: str = ""
    places: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    seconds: float = 0.0
    text: str = ""

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.error)

    def to_record(self) -> RunRecord:
        """The event as the journal and the report record it."""
        results = tuple(result.record for result in self.results)
        match self.record:
            case "intent":
                return records.Intent(self.stage, self.places)
            case "results":
                return records.StageResults(self.stage, results, self.seconds, bool(self.failed))
            case "commit":
                return records.Commit()
            case "paused":
                return records.Paused(self.text)
            case "undoing":
                return records.Undoing(self.text)
            case "undone":
                return records.Undone(results)
            case _:
                return records.Warned(self.text)


class Executor(Protocol):
    """Performs the steps of a stage in parallel; returns when each has a result. A step's error is not raised."""

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Perform the steps. Returns one result per step, in the order of the steps."""


class Control(Protocol):
    """Controls whether signals may interrupt a run."""

    def no_more_interrupts(self) -> None:
        """Let the run go to its end from now on, whatever signals arrive."""


Journal = Callable[[Sequence[RunRecord]], None]
"""Appends records durably. Raises an error if they cannot be written."""

Tell = Callable[[Event], None]
"""Shows an event to the operator."""


@dataclass
class Ended:
    """How a walk ended.

    + committed: whether the new release has the traffic
    + reason: why the run was undone, None if it was not undone
    + left: the failed steps of an undo, including the steps at places that did not answer
    + warnings: the failed steps after the commit
    + owed: the subset of `left` and `warnings` that the next command must finish first (``Kind.owed``)
    + paused: the name of the pause at which the run waits for the operator, empty if it does not wait
    """

    committed: bool
    reason: BaseException | None = None
    left: list[Result] = field(default_factory=list)
    warnings: list[Result] = field(default_factory=list)
    paused: str = ""
    owed: list[Result] = field(default_factory=list)

    @property
    def is_mixed(self) -> bool:
        """Whether some place that answers is neither in its former state nor in the wanted one."""
        return any(not result.lost and result not in self.owed for result in self.left)

    @property
    def status(self) -> int:
        """The exit status: 0 done, 1 undone, 4 if a place that answers is not undone, 128 + n after signal n."""
        if self.committed or self.paused:
            return 0
        if any(not result.lost for result in self.left):
            return 4
        if isinstance(self.reason, Interrupted):
            return self.reason.status
        return self.reason.status if isinstance(self.reason, OrchestratorError) else 1


class Undecided(OrchestratorError):
    """The record of the commit may or may not be written, so the run did nothing more."""

    status = 4


class StageFailed(OrchestratorError):
    """A step of a stage failed."""

    def __init__(self, stage: str, failed: Sequence[Result]) -> None:
        self.stage = stage
        self.failed = failed
        super().__init__("; ".join(f"{stage} failed on {result.place}: {result.error}" for result in failed))


class Walk:
    """A walk along a plan."""

    def __init__(self, plan: Plan, executor: Executor, journal: Journal, tell: Tell, control: Control) -> None:
        self._plan = plan
        self._executor = executor
        self._journal = journal
        self._tell = tell
        self._control = control
        self._unwritten: list[RunRecord] = []

    def go(self, stages: Sequence[Stage], before: Sequence[Stage] = (), pause: str = "") -> Ended:
        """Do every stage until the commit, in order, then the stages after it.

        If a stage fails before the commit, all begun stages are undone. If a stage fails after the commit, the walk
        goes on with a warning.

        + stages: the stages until the commit: all of the plan, or the remaining ones
        + before: the stages that an earlier walk of the same plan has begun
        + pause: the name of the pause that ``stages`` end with, instead of the commit; the run then stays open
        """
        begun = [stage for stage in before if stage not in stages]
        try:
            for stage in stages:
                begun.append(stage)
                self._do(stage)
        except (Exception, Interrupted) as reason:  # noqa: BLE001 (whatever it is, the run is undone)
            self._control.no_more_interrupts()
            return self.undo(begun, reason)
        self._control.no_more_interrupts()
        if pause:
            self._note(Event("paused", text=pause))
            return Ended(committed=False, paused=pause)
        self._commit()
        return self.forward(self._plan.after_commit)

    def _commit(self) -> None:
        """Write the commit record.

        If the record may be lost, neither going on nor undoing is safe: the next command reads the journal and decides.
        """
        try:
            self._note(Event("commit"))
        except TakenOver:
            raise
        except Exception as error:
            raise Undecided(
                f"the new release answers, but its commit may not be on record ({error}): "
                "deploys/status.py shows it, deploys/resume.py or the same command again ends it"
            ) from error

    def undo(self, begun: Sequence[Stage], reason: BaseException) -> Ended:
        """Undo the begun stages, the last one first. If the undo fails at a place, it goes on at the other places."""
        self._note(Event("undoing", text=str(reason)), must=False)
        left: list[Result] = []
        owed: list[Result] = []
        for stage in self._backwards(begun):
            for back in stage.undo:
                # A place that did not answer once is not tried again, and after a failed check the undo does not
                # wait for that place any more, so that each deadline is paid only once.
                passed_over = {result.place for result in left if result.lost or not back.kind.changes}
                steps = [step for step in back.do if step.place not in passed_over]
                failed = self._perform(back, steps, undoing=True).failed
                left += failed
                owed += failed if back.kind.owed else ()
        self._note(Event("undone", results=tuple(left)), must=False)
        return Ended(committed=False, reason=reason, left=left, owed=owed)

    def _backwards(self, begun: Sequence[Stage]) -> list[Stage]:
        """The begun stages, in reverse order of the plan."""
        return [stage for stage in reversed(self._plan.stages) if stage in begun]

    def forward(self, stages: Sequence[Stage]) -> Ended:
        """Do every stage after the commit, even if some fail. Failures are warnings that the next command repairs."""
        warnings: list[Result] = []
        owed: list[Result] = []
        for stage in stages:
            if not stage.do:
                continue
            failed: Sequence[Result]
            try:
                self._note(Event("intent", stage.name, _places(stage.do)))
                failed = self._perform(stage, stage.do, undoing=False).failed
            except Exception as error:  # noqa: BLE001 (after the commit a failure is a warning)
                failed = (Result(stage.do[0].place, f"{stage.name}: {error}"),)
            warnings += failed
            owed += failed if stage.kind.owed else ()
        self._write()
        return Ended(committed=True, warnings=warnings, owed=owed)

    def besides(self, stage: Stage) -> None:
        """Perform a stage that the plan does not have, once the walk has ended, and record its results."""
        self._perform(stage, stage.do, undoing=True)
        self._write()

    def _do(self, stage: Stage) -> None:
        if not stage.do:
            return
        if stage.kind.changes:
            self._note(Event("intent", stage.name, _places(stage.do)))
        event = self._perform(stage, stage.do, undoing=False)
        if event.failed:
            raise StageFailed(stage.name, event.failed)

    def _perform(self, stage: Stage, steps: Sequence[Step], undoing: bool) -> Event:
        began = time.monotonic()
        results = self._executor.perform(steps, undoing) if steps else ()
        event = Event("results", stage.name, _places(steps), results, time.monotonic() - began)
        self._note(event)
        return event

    def _note(self, event: Event, must: bool = True) -> None:
        """Write an event to the journal, then show it, so that the journal has everything that the operator has read.

        + must: whether to raise if the event cannot be recorded. An undo (False) goes on without the record, unless a
          newer run has begun

        The results of a stage are written together with the next record, so that a stage costs one synced write. If
        they are lost, it is unknown whether the stage was done; every undo can handle that.
        """
        self._unwritten.append(event.to_record())
        if event.record != "results":
            try:
                self._write()
            except Exception as error:
                if must or isinstance(error, TakenOver):
                    raise
                self._tell(Event("warning", text=f"not recorded: {error}"))
        self._tell(event)

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if unwritten:
            self._journal(unwritten)


def _places(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(step.place.name for step in steps)

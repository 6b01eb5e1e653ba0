"""Walks a plan: journals, commits, undoes. It knows stages and steps, and nothing of what they do."""

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
"""How a line of a step's detail begins if it is shown as a warning."""


@dataclass(frozen=True)
class Result:
    """What became of a step.

    + error: None if it succeeded, else one line
    + lost: the place did not answer at all, so that nothing is known of what it did
    + seconds: how long it took
    + detail: what a step that looks has seen, for the report
    + output: what a step of the application's own printed before it failed, its last lines
    """

    place: Place
    error: str | None = None
    lost: bool = False
    seconds: float = 0.0
    detail: str = ""
    output: tuple[str, ...] = ()

    @property
    def record(self) -> records.PlaceResult:
        """The same for journal and report."""
        return records.PlaceResult(self.place.name, self.seconds, self.error or "", self.lost, self.detail, self.output)


@dataclass(frozen=True)
class Event:
    """What happens in a run: one stream feeds journal, terminal and report.

    + record: intent | results | commit | paused | undoing | undone | warning
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
        """The same for journal and report."""
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
    """Performs the steps of a stage, all at once; returns when each has a result. Never raises for a step."""

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """A result a step, in their order."""


class Control(Protocol):
    """What may interrupt a run, and when."""

    def no_more_interrupts(self) -> None:
        """From now on the run goes to its end, whatever signals come."""


Journal = Callable[[Sequence[RunRecord]], None]
"""Appends records durably. Raises if it cannot."""

Tell = Callable[[Event], None]
"""Shows an event to the operator."""


@dataclass
class Ended:
    """How a walk ended.

    + committed: the new release has the traffic
    + reason: why it was undone, None if it was not
    + left: what an undo could not take back, by place; and of these, places that did not answer
    + warnings: what failed after the commit
    + owed: the subset of `left` and `warnings` that the next command must finish first (``Kind.owed``)
    + paused: where it stopped to wait for a word, empty if it did not
    """

    committed: bool
    reason: BaseException | None = None
    left: list[Result] = field(default_factory=list)
    warnings: list[Result] = field(default_factory=list)
    paused: str = ""
    owed: list[Result] = field(default_factory=list)

    @property
    def is_mixed(self) -> bool:
        """Whether a place that answers is neither as before nor as it should be."""
        return any(not result.lost and result not in self.owed for result in self.left)

    @property
    def status(self) -> int:
        """The exit status: 0 done, 1 undone, 4 a place that answers is not undone, 128 + n by a signal."""
        if self.committed or self.paused:
            return 0
        if any(not result.lost for result in self.left):
            return 4
        if isinstance(self.reason, Interrupted):
            return self.reason.status
        return self.reason.status if isinstance(self.reason, OrchestratorError) else 1


class Undecided(OrchestratorError):
    """The commit may or may not be on record, so nothing more was done."""

    status = 4


class StageFailed(OrchestratorError):
    """A step of a stage failed."""

    def __init__(self, stage: str, failed: Sequence[Result]) -> None:
        self.stage = stage
        self.failed = failed
        super().__init__("; ".join(f"{stage} failed on {result.place}: {result.error}" for result in failed))


class Walk:
    """One walk along a plan."""

    def __init__(self, plan: Plan, executor: Executor, journal: Journal, tell: Tell, control: Control) -> None:
        self._plan = plan
        self._executor = executor
        self._journal = journal
        self._tell = tell
        self._control = control
        self._unwritten: list[RunRecord] = []

    def go(self, stages: Sequence[Stage], before: Sequence[Stage] = (), pause: str = "") -> Ended:
        """Every stage until the commit, in order, then those after it.

        If one fails before the commit, everything begun is undone; after it, the rest goes on with a warning.

        + stages: until the commit; the whole plan's, or what is left of it
        + before: stages that an earlier walk of the same plan has begun
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
        """Write one record. If it may be lost, neither way is safe: the next command reads the journal and decides."""
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
        """Take the begun stages back, last one first. A place that fails does not keep the others from it."""
        self._note(Event("undoing", text=str(reason)), must=False)
        left: list[Result] = []
        owed: list[Result] = []
        for stage in self._backwards(begun):
            for back in stage.undo:
                # what could not be reached once is not tried again, and what could not be restored is not
                # waited for: its deadline is paid once
                passed_over = {result.place for result in left if result.lost or not back.kind.changes}
                steps = [step for step in back.do if step.place not in passed_over]
                failed = self._perform(back, steps, undoing=True).failed
                left += failed
                owed += failed if back.kind.owed else ()
        self._note(Event("undone", results=tuple(left)), must=False)
        return Ended(committed=False, reason=reason, left=left, owed=owed)

    def _backwards(self, begun: Sequence[Stage]) -> list[Stage]:
        """Begun stages, the last one of the plan first."""
        return [stage for stage in reversed(self._plan.stages) if stage in begun]

    def forward(self, stages: Sequence[Stage]) -> Ended:
        """After the commit: every stage, whatever fails; failures are warnings that the next command mends."""
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
        """To the journal first: what the operator has read is on record.

        + must: what cannot be recorded does not happen; an undo goes on all the same, unless a newer run has begun

        The results of a stage go with the record that comes next: should they be lost, the stage may be done
        or not, which is what every undo expects anyway. So a stage costs one synced write.
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

"""Walks along a plan: performs the stages in order, writes the journal, commits, and undoes the stages after a failure.

The code that performs the steps of a stage is in ``executor.py`` and ``handlers/``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.errors import Interrupted, OrchestratorError, TakenOver, Undecided
from orchestrator.journal import records
from orchestrator.journal.records import RunRecord
from orchestrator.plan.chains import chains
from orchestrator.plan.steps import OPERATOR, NoTraffic, Place, Plan, Stage, Step

NAMES = 8
"""The largest number of places that a message of several places names."""

WARNING = records.WARNING
"""Prefix of a line in the detail of a step. The terminal shows such a line as a warning.

The detail of a step is the text for the report about what the step did or saw.
"""


@dataclass(frozen=True)
class Result:
    """The result of a step at its place.

    + error: one line that says why the step failed; None if the step succeeded
    + lost: whether the place did not answer at all. If so, it is unknown what the step has done
    + seconds: how long the step took
    + detail: text for the report that says what the step did or saw; may have several lines
    + output: the last lines that a failed command of the application (such as a build step or a hook) printed
    """

    place: Place
    error: str | None = None
    lost: bool = False
    seconds: float = 0.0
    detail: str = ""
    output: tuple[str, ...] = ()

    @property
    def record(self) -> records.PlaceResult:
        """The result in the form that the journal and the report use."""
        return records.PlaceResult(self.place.name, self.seconds, self.error or "", self.lost, self.detail, self.output)


def by_error(result: Result) -> Hashable:
    """Return the error of a result, as the key for `alike`."""
    return result.error


def alike(results: Iterable[Result], key: Callable[[Result], Hashable]) -> list[tuple[str, Result]]:
    """Group the results that say the same. Return the names of the places of each group, and its first result.

    The names are one text, such as ``node1, node2``. If a group has more than NAMES places, the text ends with the
    number of the others.

    + key: a function that returns the same value for results that say the same
    """
    groups: dict[Hashable, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return [(_names([result.place for result in group]), group[0]) for group in groups.values()]


def _names(places: Sequence[Place]) -> str:
    more = len(places) - NAMES
    return ", ".join(map(str, places[:NAMES])) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Event:
    """An event of a run. The journal, the terminal and the report all get the same events.

    + record: the type of the event: ``intent`` (before a stage that changes something), ``results`` (after a stage),
      ``commit``, ``paused``, ``undoing``, ``undone`` or ``warning``
    + stage: the name of the stage; empty if the event belongs to no stage
    + places: the names of the places at which the stage acts
    + results: the results of the stage's steps. In the event ``undone``, the results of the undo's failed steps
    + seconds: how long the stage took
    + text: the message of a warning, the name of a pause, or the reason for an undo
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
        """Return the event in the form that the journal and the report use."""
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


@dataclass(frozen=True)
class Performed:
    """The results of one stage of a chain.

    + results: the results of the steps that were performed, in the order of the steps. A step is missing if its place
      failed at an earlier stage of the chain
    + seconds: the time from the beginning of the first step to the end of the last step
    """

    results: tuple[Result, ...]
    seconds: float


StageEnded = Callable[[int, Performed], None]
"""A function that gets the number and the results of each stage of a chain that at least one place has performed.

The function is called once for each such stage, in the order of the stages, as soon as all places have performed their
steps of the stage. If a place does not perform its step, the function is called for this stage at the end of the chain.
"""


class Executor(Protocol):
    """Performs the steps of a stage in parallel. If a step fails, the step's result holds the error."""

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Perform the steps and wait until all have ended. Return one result per step, in the order of the steps.

        + undoing: whether the steps are part of an undo
        """

    def chain(self, stages: Sequence[Sequence[Step]], goes_on: bool, ended: StageEnded) -> None:
        """Perform the steps of a chain's stages. Each place performs its steps in order, and waits for no other place.

        + stages: the steps of each stage
        + goes_on: whether a place also performs its later steps if one of its steps fails
        + ended: is called for each stage
        """

    def refusals(self, needs: Sequence[NoTraffic]) -> tuple[Result, ...]:
        """Ask the switches whether the conditions are met. Change nothing.

        Return one failed result for each switch that sends traffic to a color of a condition, or that does not say
        where it sends traffic. Return () if all conditions are met.
        """


class Control(Protocol):
    """Decides whether signals (such as Ctrl-C) may interrupt a run."""

    def no_more_interrupts(self) -> None:
        """Let no signal interrupt the run from now on. A later signal only prints a line on the terminal."""


Journal = Callable[[Sequence[RunRecord]], None]
"""A function that appends records to the journal.

When the function has returned, the records survive a crash. The function raises an error if the records cannot be
written.
"""

Tell = Callable[[Event], None]
"""A function that shows an event to the operator."""


@dataclass
class Ended:
    """The outcome of a walk along a plan: the run was committed, was undone, or waits at a pause.

    + committed: whether the run was committed
    + reason: the error or signal because of which the run was undone; None if the run was not undone
    + left: the results of the steps that failed during the undo, including steps at places that did not answer
    + warnings: the results of the steps that failed after the commit
    + by_hand: the subset of `warnings` that no later command repairs, because the failed step was a hook
    + owed: the subset of `left` and `warnings` that the next command must finish first (``Kind.owed``)
    + failed: the subset of `warnings` because of which the command ends with status 1 (``Kind.decides``)
    + paused: the name of the pause at which the run waits for the operator; empty if the run does not wait
    + stopped: the name of the stage before which the undo stopped, because a switch may still send requests to the
      color that the stage changes; empty if the undo did not stop. ``left`` then has the answers of the switches
    """

    committed: bool
    reason: BaseException | None = None
    left: list[Result] = field(default_factory=list)
    warnings: list[Result] = field(default_factory=list)
    failed: list[Result] = field(default_factory=list)
    paused: str = ""
    owed: list[Result] = field(default_factory=list)
    stopped: str = ""
    by_hand: list[Result] = field(default_factory=list)

    @property
    def where_stopped(self) -> str:
        """The message about an undo that stopped. The message says what happened, and what the operator must do."""
        return (
            f"the undo stopped before `{self.stopped}`, because requests may still reach the color that the undo "
            "changes next: both colors keep running. Correct the problems listed above, then run the same command "
            "again, which continues the undo. If a balancer no longer exists, first remove it from the inventory"
        )

    @property
    def is_mixed(self) -> bool:
        """Whether the undo stopped, or failed at a place that answers.

        Then a place may still be in the state of the new release. A failed step in ``owed`` does not count, because the
        next command finishes that step.
        """
        return bool(self.stopped) or any(not result.lost and result not in self.owed for result in self.left)

    @property
    def status(self) -> int:
        """The exit status of the command.

        0: the run was committed or waits at a pause. 1: after the commit, a stage failed whose kind has ``decides``
        (``Kind.decides``). 4: the undo stopped, or failed at a place that answers. 128 + n: the run was undone because
        of signal n. Otherwise: the exit status of the error that caused the undo, mostly 1.
        """
        if self.failed:
            return 1
        if self.committed or self.paused:
            return 0
        if self.stopped or any(not result.lost for result in self.left):
            return 4
        if isinstance(self.reason, Interrupted):
            return self.reason.status
        return self.reason.status if isinstance(self.reason, OrchestratorError) else 1


class StageFailed(OrchestratorError):
    """At least one step failed, in one stage or in several stages of a chain.

    + failed: name of the stage -> the results of the failed steps
    """

    def __init__(self, failed: Mapping[str, Sequence[Result]]) -> None:
        super().__init__(
            "; ".join(
                f"{stage} failed on {places}: {result.error}"
                for stage, results in failed.items()
                for places, result in alike(results, by_error)
            )
        )


class Walk:
    """Walks along a plan once: performs or undoes stages, writes the journal, and shows the events to the operator.

    Before a step that needs a color without traffic (``Step.needs``), the walk asks the switches. If a switch objects,
    the step is not performed. If the walk was performing the run, the walk then undoes the run. If the walk was undoing
    the run, the undo stops there and leaves both colors running.

    + surveyed: whether the caller has just read all switches and found that all traffic goes to the live color. If so,
      the walk asks the switches only in an undo, because until then only the run itself moves traffic
    """

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        journal: Journal,
        tell: Tell,
        control: Control,
        surveyed: bool = False,
    ) -> None:
        self._plan = plan
        self._executor = executor
        self._journal = journal
        self._tell = tell
        self._control = control
        self._surveyed = surveyed
        self._unwritten: list[RunRecord] = []
        self._met: set[NoTraffic] = set()
        """The conditions that the switches have confirmed since the last stage that changed something."""
        self._unproven: list[Result] = []
        """The failed results of the stages of the undo that have to prove where the switches send requests."""

    def go(self, stages: Sequence[Stage], before: Sequence[Stage] = (), pause: str = "") -> Ended:
        """Perform the stages, commit, and perform the plan's stages after the commit. Return how the walk ended.

        If a stage fails or a signal arrives before the commit, the walk undoes all begun stages. If a stage fails after
        the commit, the walk shows a warning and continues. Raises Undecided if it is unknown whether the commit was
        recorded. Raises TakenOver if a newer run has begun.

        + stages: the stages to perform before the commit or the pause. A resumed run passes only the stages that are
          still to be performed
        + before: the stages that an earlier walk along the same plan has begun. An undo also undoes these stages
        + pause: the name of the pause after ``stages``; empty for no pause. If there is a pause, the walk ends there
          without a commit, and the run stays open
        """
        begun = [stage for stage in before if stage not in stages]
        try:
            for chain in chains(stages):
                begun += chain
                self._do([stage for stage in chain if stage.do])
        except (Exception, Interrupted) as reason:  # noqa: BLE001 (any failure undoes the run)
            self._control.no_more_interrupts()
            return self.undo(begun, reason)
        self._control.no_more_interrupts()
        if pause:
            return self._pause(pause, begun)
        self._commit()
        return self.forward(self._plan.after_commit)

    def _pause(self, pause: str, begun: Sequence[Stage]) -> Ended:
        """Record that the run waits. If the record cannot be written, undo the begun stages. Return how the walk ended.

        Without the record, no later command could continue the run. Raises TakenOver if a newer run has begun.
        """
        try:
            self._note(Event("paused", text=pause))
        except TakenOver:
            raise
        except Exception as reason:  # noqa: BLE001 (any failure undoes the run)
            return self.undo(begun, reason)
        return Ended(committed=False, paused=pause)

    def _commit(self) -> None:
        """Write the commit record.

        Raises TakenOver if a newer run has begun. Raises Undecided if it is unknown whether the record was written. In
        this case the run stops, because it may neither continue nor be undone. The next command reads the journal and
        decides.
        """
        try:
            self._note(Event("commit"))
        except TakenOver:
            raise
        except Exception as error:
            raise Undecided(
                f"the new release answers, but it is unknown whether the commit was recorded ({error}): "
                "deploys/status.py shows the run; deploys/resume.py, or the same command again, ends the run"
            ) from error

    def undo(self, begun: Sequence[Stage], reason: BaseException) -> Ended:
        """Undo the begun stages, the last stage first. Return how the walk ended.

        If the undo fails at one place, the undo continues at the other places. If a switch may still send requests to
        a color that the undo would stop, restart or re-point, the whole undo stops there. Both colors keep running, and
        the next command undoes the run again.

        + begun: the stages to undo
        + reason: the error or signal because of which the run is undone
        """
        self._note(Event("undoing", text=str(reason)), must=False)
        self._surveyed, self._unproven = False, []
        left: list[Result] = []
        owed: list[Result] = []
        stopped = ""
        for back in (back for stage in self._backwards(begun) for back in stage.undo):
            # Skip a place that did not answer an earlier step of the undo or failed an earlier check. Waiting
            # for such a place again would only cost another deadline.
            passed_over = {result.place for result in left if result.lost or not back.kind.changes}
            steps = [step for step in back.do if step.place not in passed_over]
            if refused := self._refusals(back, steps):
                left += [result for result in refused if result not in left]
                stopped = back.name
                break
            failed = self._perform(back, steps, undoing=True).failed
            left += failed
            owed += failed if back.kind.owed else ()
        self._note(Event("undone", results=tuple(left)), must=False)
        return Ended(committed=False, reason=reason, left=left, owed=owed, stopped=stopped)

    def _backwards(self, begun: Sequence[Stage]) -> list[Stage]:
        """Return the begun stages in the reverse of the plan's order."""
        return [stage for stage in reversed(self._plan.stages) if stage in begun]

    def forward(self, stages: Sequence[Stage]) -> Ended:
        """Perform the stages after the commit. Return how the walk ended.

        If a stage fails, the walk shows a warning and performs the next stage. The kind of the failed stage decides
        what happens afterwards. If the kind has ``owed``, the run stays open, and the next command first performs all
        stages after the commit again, with their hooks. If the kind does not have ``owed``, the run ends. The next
        release or rollback then does the missing work of ``promote`` and ``attach again``, and the next release does
        the missing work of ``prune``.
        """
        warnings: list[Result] = []
        owed: list[Result] = []
        by_hand: list[Result] = []
        decisive: list[Result] = []
        for chain in chains([stage for stage in stages if stage.do]):
            failures: dict[str, Sequence[Result]]
            try:
                self._begin(chain)
                failures = {event.stage: event.failed for event in self._along(chain, goes_on=True)}
            except Exception as error:  # noqa: BLE001 (after the commit a failure is a warning)
                failures = {stage.name: (Result(stage.do[0].place, f"{stage.name}: {error}"),) for stage in chain}
            for stage in chain:
                failed = failures.get(stage.name, ())
                warnings += failed
                owed += failed if stage.kind.owed else ()
                by_hand += failed if not stage.kind.repeated else ()
                decisive += failed if stage.kind.decides else ()
        self._write_rest()
        return Ended(committed=True, warnings=warnings, owed=owed, by_hand=by_hand, failed=decisive)

    def besides(self, stage: Stage) -> None:
        """Perform a stage that is not in the plan, after the walk has ended. Record the results of the stage.

        The steps run like the steps of an undo. If another command holds the lock of a host, the guard kills that
        command instead of waiting for the lock.
        """
        self._perform(stage, stage.do, undoing=True)
        self._write_rest()

    def _do(self, chain: Sequence[Stage]) -> None:
        """Perform the stages of a chain. Raises StageFailed if a step fails, or if a switch does not let a step act.

        + chain: the stages, each with at least one step
        """
        for stage in chain:
            if not self._surveyed and (refused := self._refusals(stage, stage.do)):
                raise StageFailed({stage.name: refused})
        self._begin([stage for stage in chain if stage.kind.changes])
        failed = {event.stage: event.failed for event in self._along(chain, goes_on=False) if event.failed}
        if failed:
            raise StageFailed(failed)

    def _begin(self, stages: Sequence[Stage]) -> None:
        """Write to the journal, with one write, that the stages begin."""
        if stages:
            self._note(*(Event("intent", stage.name, _places(stage.do)) for stage in stages))

    def _along(self, chain: Sequence[Stage], goes_on: bool) -> list[Event]:
        """Perform the stages of a chain, and return the event with the results of each stage.

        Each event is shown as soon as its stage has ended. A stage that no place has reached has no event.
        """
        if len(chain) == 1:
            return [self._perform(stage, stage.do, undoing=False) for stage in chain]
        events: list[Event] = []

        def ended(number: int, done: Performed) -> None:
            events.append(self._ended(chain[number], done.results, done.seconds))

        self._executor.chain([stage.do for stage in chain], goes_on, ended)
        return events

    def _perform(self, stage: Stage, steps: Sequence[Step], undoing: bool) -> Event:
        began = time.monotonic()
        results = self._executor.perform(steps, undoing) if steps else ()
        return self._ended(stage, results, time.monotonic() - began)

    def _ended(self, stage: Stage, results: tuple[Result, ...], seconds: float) -> Event:
        event = Event("results", stage.name, tuple(result.place.name for result in results), results, seconds)
        if stage.kind.changes:
            self._met.clear()
        if stage.kind.proves:
            self._unproven += (result for result in event.failed if result.place.kind != "node")
        self._note(event)
        return event

    def _refusals(self, stage: Stage, steps: Sequence[Step]) -> tuple[Result, ...]:
        """Ask the switches whether the steps may act. Return the failed results of the switches that object, or ().

        A switch also objects if an earlier stage had to prove that the switch sends no requests to a color, and failed.
        """
        needs = {step.needs for step in steps if step.needs}
        if doubts := tuple(result for result in self._unproven if any(_concerns(result.place, need) for need in needs)):
            return doubts
        began = time.monotonic()
        refused = self._executor.refusals(sorted(needs - self._met, key=str)) if needs - self._met else ()
        if refused:
            places = tuple(result.place.name for result in refused)
            self._note(Event("results", stage.name, places, refused, time.monotonic() - began))
        else:
            self._met |= needs
        return refused

    def _note(self, *events: Event, must: bool = True) -> None:
        """Write events to the journal, with one write, then show the events to the operator.

        The results of a stage are shown at once, but written together with the next record, so that each stage needs
        only one write to the journal. If the run dies before this write, it is unknown whether the stage was done.
        Therefore the undo of a stage must also succeed if the stage was not done.

        + must: whether to raise the error if the journal cannot be written. If False (in an undo), this method only
          shows a warning. TakenOver, which means that a newer run has begun, is always raised
        """
        self._unwritten += [event.to_record() for event in events]
        if any(event.record != "results" for event in events):
            if must:
                self._write()
            else:
                self._write_rest()
        for event in events:
            self._tell(event)

    def _write_rest(self) -> None:
        """Write the events that are not written yet. If the journal cannot be written, only show a warning.

        Raises TakenOver if a newer run has begun.
        """
        try:
            self._write()
        except TakenOver:
            raise
        except Exception as error:  # noqa: BLE001 (the run is committed or is being undone, whatever the journal has)
            self._tell(Event("warning", text=f"an event could not be written to the journal: {error}"))

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if unwritten:
            self._journal(unwritten)


def _concerns(place: Place, need: NoTraffic) -> bool:
    """Return whether a condition is in doubt because of a failure at a place.

    The condition says that some switches send no requests to a color. Requests from the operator's machine prove where
    a switch behind an API sends traffic. For a load balancer on a host, the load balancer's own answer is proof enough.
    """
    return place in need.switches or (place == OPERATOR and any(switch.kind == "api" for switch in need.switches))


def _places(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(step.place.name for step in steps)

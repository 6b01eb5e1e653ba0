"""The walk of a plan, as every verb that changes the fleet runs it: events, announcements, the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from orchestrator import environment
from orchestrator.errors import OrchestratorError, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.records import End
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs, Missing
from orchestrator.plan.steps import Plan, Stage
from orchestrator.report.file import ReportFile
from orchestrator.report.terminal import Terminal, ending, probe_lines, say
from orchestrator.run.announce import announce
from orchestrator.run.executor import Executor
from orchestrator.run.settle import shows
from orchestrator.run.walk import Ended, Event, Result, Walk
from orchestrator.signals import signals
from orchestrator.stages.bar import bar


def walk(fleet: Fleet, session: Session, i: Inputs, whole: Plan, options: Options, go: Callable[[Walk], Ended]) -> int:
    """Walk a plan with its report, events and announcements. Returns the exit status.

    + go: walks the plan or a part of it
    """
    file, terminal, executor = ReportFile(options.report), Terminal(), Executor(fleet, session.fence)

    def tell(event: Event) -> None:
        file.event(event)
        terminal.event(event)

    try:
        ended = go(Walk(whole, executor, session.append, tell, signals))
    finally:
        executor.close()
    bar_lost(fleet, session, i, ended.left)
    if not ended.paused and not ended.is_mixed:
        announce_end(fleet, session, i, ended.committed)
    report = executor.report
    probe = report.to_json() if report else None
    if not ended.paused:
        how = "left" if ended.left or ended.owed else "done" if ended.committed else "undone"
        session.append([End(how, str(ended.reason or ""), probe)])
    file.write(i, ended, report)
    for line in probe_lines(report) if report else ():
        say(line)
    for line, style in ending(i, ended):
        say(line, **style)
    return ended.status


def know_values(fleet: Fleet, i: Inputs, stages: Iterable[Stage], must: bool = True) -> None:
    """Before anything is shown that may hold values of the environment: what is not known cannot be hidden.

    + must: raise Refused or UsageError if they cannot be had and it is a release; else, and on a way back, say so
    """
    if not shows(stages):
        return
    try:
        known = fleet.variables.read()
        if must and i.verb == "release":
            environment.text(known)
    except OrchestratorError as error:
        if must and i.verb == "release":
            raise
        say(
            f"warning: what commands print may show values of the environment, which are not known: {error}",
            fg="yellow",
        )


def check_pause(whole: Plan, until: str, after: str = "") -> None:
    """Raises UsageError for a pause that the plan does not have, or not any more."""
    left = whole.pauses[whole.pauses.index(after) + 1 :] if after else whole.pauses
    if until and until not in left:
        raise UsageError(f"--data until={until}: the run can stop at {', '.join(left) or 'no place any more'}")


def bar_lost(fleet: Fleet, session: Session, i: Inputs, left: Sequence[Result]) -> None:
    """A node that died under a run gets no traffic when it comes back, until it has caught up."""
    lost = sorted({result.place.name for result in left if result.lost and result.place.kind == "node"})
    if not lost:
        return
    gone = [name for name in lost if not fleet.has(name)]
    if gone:
        say(f"{', '.join(gone)}: not in the inventory any more, so there is nothing to bar", fg="yellow")
    lost = [name for name in lost if name not in gone]
    if not lost:
        return
    missing = tuple(Missing(name, fleet.address(name), False) for name in lost)
    event = Event(
        "results", "bar lost", results=Executor(fleet, session.fence).perform(bar(replace(i, missing=missing)).do, True)
    )
    session.append([event.to_record()])
    Terminal().event(event)
    say(f"{', '.join(lost)}: unsettled, and barred until deploys/join.py --data node=NAME brings it back", fg="yellow")


def announce_busy(fleet: Fleet, session: Session, i: Inputs) -> None:
    """Tell new instances to wait from now on.

    Raises Refused if they cannot be told. A rollback goes on all the same: whatever it does with the traffic, both
    colors keep the releases that are announced.
    """
    problem = announce(fleet.settings, i, session.fence, committed=False, busy=True)
    if problem and i.verb != "rollback":
        raise Refused(f"new instances cannot be told to wait, so nothing was moved: {problem}")
    if problem:
        say(f"warning: new instances do not know that a rollback is on: {problem}", fg="yellow")


def announce_end(fleet: Fleet, session: Session, i: Inputs, committed: bool) -> None:
    """New instances are told what is true after a run. That this failed is a warning: the run ended as it did."""
    problem = announce(fleet.settings, i, session.fence, committed, busy=False)
    if problem:
        say(
            f"warning: what new instances read is not up to date, and they wait until the next run: {problem}",
            fg="yellow",
        )

"""Perform the stages of a plan in order, and record and show each event.

After the last stage, announce, record and report the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.errors import TakenOver, Undecided
from orchestrator.fleet import Fleet
from orchestrator.journal.records import End
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Plan
from orchestrator.probe.report import Report
from orchestrator.report.file import ReportFile
from orchestrator.report.terminal import Terminal, ending, probe_lines, say
from orchestrator.run.executor import Executor
from orchestrator.run.run_probe import RunProbe
from orchestrator.run.walk import Ended, Event, Walk
from orchestrator.signals import signals
from orchestrator.verbs.announcement import announce_end
from orchestrator.verbs.end_hooks import end_hooks, run_end_hooks
from orchestrator.verbs.lost import bar_lost_nodes
from orchestrator.verbs.notifying import Notifier


def walk_plan(  # noqa: PLR0913 (the parts of a run)
    fleet: Fleet,
    session: Session,
    i: Inputs,
    whole: Plan,
    options: Options,
    notifier: Notifier,
    go: Callable[[Walk], Ended],
    surveyed: bool = False,
    probe: RunProbe | None = None,
) -> int:
    """Perform the stages of a plan, then announce, record and report how the run ended. Return the exit status.

    The announcement is for new instances of the Auto Scaling group. If the run is paused, the run has not ended, so no
    end is announced or recorded. If the undo failed at a place that answers, the end is recorded, but not announced.

    + i: the Inputs from which the plan was made
    + whole: the plan
    + notifier: tells the targets of notifications how the run ended
    + go: a function that performs all stages of the plan, or only the remaining stages of a resumed run
    + surveyed: whether this command has read the switches, as for ``Walk``
    + probe: the run's probe, if it was prepared
    """
    file, terminal = ReportFile(options.report), Terminal()
    executor = Executor(fleet, session.fence, options.report, probe)

    def tell(event: Event) -> None:
        file.event(event)
        terminal.event(event)

    walk = Walk(whole, executor, session.append, tell, signals, surveyed)
    try:
        ended = go(walk)
    except Undecided as unknown:
        notifier.unsettled(i, str(unknown))
        raise
    finally:
        executor.close()
    bar_lost_nodes(fleet, walk, i, ended.left)
    if not ended.paused and not ended.is_mixed:
        announce_end(fleet, session, i, ended.committed)
    report = executor.report
    hooks_follow = bool(end_hooks(i, ended))
    taken_over = _record_end(session, ended, report, last=not hooks_follow) if not ended.paused else None
    if taken_over is None:
        notifier.ended(i, ended, report)
    _write_report(file, i, ended, report, options)
    try:
        if taken_over is None and hooks_follow and run_end_hooks(walk, i, ended):
            _write_report(file, i, ended, report, options)
    except TakenOver as error:
        taken_over = error
    for line in probe_lines(report) if report else ():
        say(line)
    for line, style in ending(i, ended):
        say(line, **style)
    if taken_over is not None:
        raise taken_over
    return ended.status


def _write_report(file: ReportFile, i: Inputs, ended: Ended, report: Report | None, options: Options) -> None:
    """Write the report file. If the file cannot be written, only print a warning: only the run's outcome counts."""
    try:
        file.write(i, ended, report)
    except OSError as error:
        say(f"warning: --data report={options.report}: the report is not written: {error}", fg="yellow")


def _record_end(session: Session, ended: Ended, report: Report | None, last: bool) -> TakenOver | None:
    """Write the end of the run to the journal. If another run has taken the lock, return the error.

    The caller first tells the operator how the run ended.

    + last: whether nothing follows, so that the lock is given back
    """
    try:
        session.end(End(how(ended), str(ended.reason or ""), report.to_json() if report else None), last)
    except TakenOver as error:
        return error
    return None


def how(ended: Ended) -> str:
    """Return how the run ended, for the last record of the run: ``done``, ``undone``, or ``left``.

    ``left`` means that the next command has to finish the undo or a stage.
    """
    if ended.left or ended.owed:
        return "left"
    return "done" if ended.committed else "undone"

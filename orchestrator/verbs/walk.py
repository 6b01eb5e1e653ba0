"""Walk the plan of a run, which means: perform its stages in order.

Show and record each event, then announce, record and report the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.fleet import Fleet
from orchestrator.journal.records import End
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Plan
from orchestrator.report.file import ReportFile
from orchestrator.report.terminal import Terminal, ending, probe_lines, say
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Ended, Event, Walk
from orchestrator.signals import signals
from orchestrator.verbs.announcement import announce_end
from orchestrator.verbs.lost import bar_lost_nodes


def walk_plan(
    fleet: Fleet, session: Session, i: Inputs, whole: Plan, options: Options, go: Callable[[Walk], Ended]
) -> int:
    """Perform the stages of a plan, then announce, record and report how the run ended. Return the exit status.

    If the run is paused, its end is neither announced nor recorded. If the undo failed on a place that answers, the end
    is recorded, but not announced.

    + i: the Inputs from which the plan was made
    + whole: the plan
    + go: function that performs all stages of the plan, or the remaining stages
    """
    file, terminal, executor = ReportFile(options.report), Terminal(), Executor(fleet, session.fence)

    def tell(event: Event) -> None:
        file.event(event)
        terminal.event(event)

    walk = Walk(whole, executor, session.append, tell, signals)
    try:
        ended = go(walk)
    finally:
        executor.close()
    bar_lost_nodes(fleet, walk, i, ended.left)
    if not ended.paused and not ended.is_mixed:
        announce_end(fleet, session, i, ended.committed)
    report = executor.report
    if not ended.paused:
        session.append([End(how(ended), str(ended.reason or ""), report.to_json() if report else None)])
    file.write(i, ended, report)
    for line in probe_lines(report) if report else ():
        say(line)
    for line, style in ending(i, ended):
        say(line, **style)
    return ended.status


def how(ended: Ended) -> str:
    """Return how the run ended, for its last record: ``done``, ``undone``, or ``left``.

    ``left`` means that the next command has to finish a stage or the undo.
    """
    if ended.left or ended.owed:
        return "left"
    return "done" if ended.committed else "undone"

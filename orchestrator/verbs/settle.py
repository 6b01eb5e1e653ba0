"""Settle an earlier run that stopped before its end: complete the run if it was committed, otherwise undo the run.

The verbs `release`, `code`, `rollback`, `join`, `contract` and `maintenance` settle an earlier run before they begin
their own run.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config.hook import ENDS
from orchestrator.errors import NotUndone, Refused, Unreadable
from orchestrator.fleet import Fleet
from orchestrator.journal.history import decisive
from orchestrator.journal.records import Settled
from orchestrator.journal.session import Session, Unjournaled
from orchestrator.journal.store import Contents
from orchestrator.plan.inputs import Inputs
from orchestrator.report.terminal import Terminal, say
from orchestrator.run.executor import Executor
from orchestrator.run.settle import OpenRun, begun_stages, open_run, settle
from orchestrator.run.walk import Ended, Result, Walk
from orchestrator.signals import signals
from orchestrator.stages.hooks import at_end
from orchestrator.verbs.announcement import announce_end
from orchestrator.verbs.end_hooks import run_end_hooks
from orchestrator.verbs.lost import bar_lost_nodes
from orchestrator.verbs.masking import learn_values
from orchestrator.verbs.notifying import Notifier
from orchestrator.verbs.pause import refuse_paused


def open_run_of(fleet: Fleet, contents: Contents) -> OpenRun | None:
    """Return the run that has to be settled; None if there is no such run.

    If a file of the journal cannot be read completely, print a warning. Raises Unreadable if a run has to be settled,
    but this version of the tool cannot read its record.

    + contents: the contents of the journal
    """
    warn_of_remarks(contents)
    return open_run(contents.runs, fleet.settings)


def warn_of_remarks(contents: Contents) -> None:
    """Print a warning for each file of the journal that cannot be read completely and may be needed.

    The records of older runs are no longer needed, so only ``deploys/status.py`` names their files.
    """
    for line in contents.remarks_since(decisive(contents.runs)):
        say(f"warning: the journal: {line}", fg="yellow")


def earlier_run(fleet: Fleet, verb: str, contents: Contents) -> tuple[OpenRun | None, Unreadable | None]:
    """Return the run that has to be settled, and the error about a run that cannot be read. Each may be None.

    If the records of the run cannot be read, a rollback prints a warning and continues without settling the run. For
    every other verb, raises Unreadable.

    + verb: the verb of the new run
    + contents: the contents of the journal
    """
    try:
        return open_run_of(fleet, contents), None
    except Unreadable as unreadable:
        if verb != "rollback":
            raise
        say(f"warning: {unreadable}", fg="yellow")
        say(f"the rollback continues without settling {unreadable.run}", fg="yellow")
        return None, unreadable


def check_target(i: Inputs, passed: Unreadable) -> None:
    """Raise Refused if a rollback would go to the release of an unreadable run that was never committed.

    The release of a run that was never committed may be incomplete, or may have failed a check.

    + i: the Inputs of the rollback
    + passed: the error about the run that cannot be read
    """
    if i.release == passed.uncommitted and not i.cold:
        raise Refused(
            f"{i.color} has {i.release}, the release of {passed.run}, which was never committed: name an older release "
            "with --data to= (deploys/status.py shows the releases)"
        )


def settle_first(fleet: Fleet, session: Session, verb: str, earlier: OpenRun, notifier: Notifier) -> tuple[str, ...]:
    """Settle an earlier run before a new run begins.

    If the earlier run suspended the Auto Scaling group and the group cannot be resumed now, only a rollback continues.
    In this case, return the names of the suspended processes of the group, such as ``Launch``. The rollback resumes
    these processes at its end. In all other cases, return ().

    If nodes do not answer the undo, they are barred, and the new run continues. If no node answers, no node is barred,
    and the new run does not continue.

    + verb: the verb of the new run
    + earlier: the run to settle
    + notifier: tells the targets of notifications how the earlier run ended

    Raises Refused if the earlier run is paused. Raises NotUndone if the undo failed at a place that answers, or if no
    node answers. Also raises NotUndone if the group cannot be resumed and the new run is not a rollback.
    """
    refuse_paused(earlier.history, isinstance(session, Unjournaled))
    say(f"{earlier.history.name} stopped before its end: settling that run first", fg="yellow")
    ended, barred = _undo_or_finish(fleet, session, earlier, notifier)
    if not barred:
        # these nodes may still get traffic, and may have a release that was never committed
        raise NotUndone(f"no node answers the undo of {earlier.history.name}")
    here, there = fleet.settings.scaling, earlier.inputs.settings.scaling
    if verb == "rollback" and ended.owed and here and there and here.group == there.group:
        say(
            "the rollback continues although the Auto Scaling group was not resumed: " + _listed(ended.owed),
            fg="yellow",
        )
        return earlier.inputs.scaling.suspended
    _record(session, earlier.inputs, ended)
    return ()


def settle_run(fleet: Fleet, session: Session, run: OpenRun, notifier: Notifier) -> int:
    """Settle a run. Return the exit status: 0, or 1 if places gave no answer during the undo.

    Raises NotUndone if the undo failed at a place that answers. Also raises NotUndone if the run suspended the Auto
    Scaling group and the group cannot be resumed.
    """
    ended, _ = _undo_or_finish(fleet, session, run, notifier)
    return _record(session, run.inputs, ended, last=True)


def _undo_or_finish(fleet: Fleet, session: Session, run: OpenRun, notifier: Notifier) -> tuple[Ended, bool]:
    """Complete the run if it was committed, otherwise undo the run.

    Return how the stages ended, and the result of `bar_lost_nodes`.

    Raises NotUndone if the undo failed at a place that answers.
    """
    history, i, whole = run
    stages = whole.after_commit if history.committed else begun_stages(history, whole)
    learn_values(fleet, i, [*stages, *at_end(i, ENDS)], must=False)
    walk = Walk(whole, Executor(fleet, session.fence), session.append, Terminal().event, signals)
    ended = settle(history, whole, walk)
    if ended.is_mixed:
        failed = _listed(result for result in ended.left if ended.stopped or not result.lost)
        problem = f"{failed}; {ended.where_stopped}" if ended.stopped else failed
        notifier.unsettled(i, problem)
        raise NotUndone(problem)
    barred = bar_lost_nodes(fleet, walk, i, ended.left)
    announce_end(fleet, session, i, ended.committed)
    if not ended.left:
        # a paused run has not failed; a run with the end `left` has failed in its own process, which ran these hooks
        run_end_hooks(walk, i, ended, failed=not history.paused and history.ended != "left")
    notifier.settled(history, i, ended)
    return ended, barred


def _record(session: Session, i: Inputs, ended: Ended, last: bool = False) -> int:
    """Record in the journal that a run is settled, and return the exit status 0.

    If places gave no answer during the undo, record nothing and return 1, so that the next command undoes the remaining
    stages. Raises NotUndone if the Auto Scaling group could not be resumed.

    + i: the Inputs of the settled run
    + ended: how the stages of the undo or of the completion ended
    + last: whether this command does nothing else, so that the lock is given back
    """
    if ended.owed:
        raise NotUndone(_listed(ended.owed))
    if ended.left:
        # the run stays open, so that the next command undoes the rest
        lost = ", ".join(sorted({result.place.name for result in ended.left}))
        say(
            f"the undo is not complete on {lost}, which does not answer: the next release or rollback tries again",
            fg="yellow",
        )
        return 1
    session.append([Settled("forward" if ended.committed else "undone")], last)
    live = i.release if ended.committed else i.live or "no release"
    say(f"settled: {live} has all the traffic", fg="green")
    return 0


def _listed(results: Iterable[Result]) -> str:
    return "; ".join(f"{result.place}: {result.error}" for result in results)

"""Settle a run that stopped without a word: the first thing that every verb which changes the fleet does."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import NotUndone, Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.history import RunHistory
from orchestrator.journal.records import Settled
from orchestrator.journal.session import Session
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Plan
from orchestrator.report.terminal import Terminal, say
from orchestrator.run.executor import Executor
from orchestrator.run.settle import OpenRun, begun_stages, open_run, settle
from orchestrator.run.walk import Ended, Result, Walk
from orchestrator.signals import signals
from orchestrator.verbs.session import open_store
from orchestrator.verbs.walk import announce_end, bar_lost, know_values


def settle_first(fleet: Fleet, session: Session, verb: str, earlier: OpenRun) -> tuple[str, ...]:
    """Undo an earlier run that is still open, or carry it forward if it was committed.

    Returns the processes of the Auto Scaling group that could not be resumed: a rollback goes on all the same, and
    resumes them at its end. Raises Refused if the earlier run is paused, NotUndone if something of it is left.
    """
    refuse_paused(earlier)
    run, i, whole = earlier
    say(f"{run.name} stopped without a word: settling it first", fg="yellow")
    ended = _settled(fleet, session, run, whole, i)
    here, there = fleet.settings.scaling, i.settings.scaling
    if verb == "rollback" and ended.owed and here and there and here.group == there.group:
        say(f"going on all the same: {_listed(ended.owed)}", fg="yellow")
        return i.scaling.suspended
    _close(session, i, ended)
    return ()


def refuse_paused(earlier: OpenRun) -> None:
    """Raises Refused if the open run does not have to be settled, but waits for the operator."""
    run = earlier.history
    if run.paused:
        raise Refused(
            f"{run.name} waits ({run.paused}): deploys/promote.py lets it go on, deploys/abort.py takes it back"
        )


def settle_run(fleet: Fleet, session: Session, run: RunHistory, i: Inputs, whole: Plan) -> int:
    """Settle the open run. Raises NotUndone if a place that answers could not be undone."""
    return _close(session, i, _settled(fleet, session, run, whole, i))


def _settled(fleet: Fleet, session: Session, run: RunHistory, whole: Plan, i: Inputs) -> Ended:
    know_values(fleet, i, whole.after_commit if run.committed else begun_stages(run, whole), must=False)
    executor = Executor(fleet, session.fence)
    ended = settle(run, whole, Walk(whole, executor, session.append, Terminal().event, signals))
    if ended.is_mixed:
        raise NotUndone(_listed(result for result in ended.left if not result.lost))
    bar_lost(fleet, session, i, ended.left)
    announce_end(fleet, session, i, ended.committed)
    return ended


def _close(session: Session, i: Inputs, ended: Ended) -> int:
    """Put on record that a run is settled, unless something is left. Raises NotUndone if a run must not go on."""
    if ended.owed:
        raise NotUndone(_listed(ended.owed))
    if ended.left:
        # still open: whoever comes next undoes the rest
        lost = ", ".join(sorted({result.place.name for result in ended.left}))
        say(f"not undone on {lost}, which does not answer", fg="yellow")
        return 1
    session.append([Settled("forward" if ended.committed else "undone")])
    live = i.release if ended.committed else i.live or "no release"
    say(f"settled: {live} has all the traffic", fg="green")
    return 0


def _listed(results: Iterable[Result]) -> str:
    return "; ".join(f"{result.place}: {result.error}" for result in results)


def open_run_of(fleet: Fleet) -> OpenRun | None:
    """Read the journal for the run that has to be settled; None if there is none."""
    return open_run(open_store(fleet).read().runs, fleet.settings)

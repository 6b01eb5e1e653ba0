"""The verbs `resume`, `promote` and `abort`, which continue or undo a run that has stopped or is paused."""

from __future__ import annotations

from orchestrator.config.hook import ENDS
from orchestrator.errors import NoJournal, Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.history import is_decided
from orchestrator.journal.records import RunInputs
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.run.settle import OpenRun, begun_stages, remaining
from orchestrator.stages.hooks import at_end
from orchestrator.verbs.announcement import announce_begin
from orchestrator.verbs.masking import learn_values
from orchestrator.verbs.notifying import Notifier, notifying
from orchestrator.verbs.pause import check_pause, refuse_paused
from orchestrator.verbs.session import begin_record, begin_session, begin_unjournaled, journal_of
from orchestrator.verbs.settle import open_run_of, settle_run
from orchestrator.verbs.walk import walk_plan


def resume(fleet: Fleet, options: Options) -> int:
    """Continue a run that stopped before its end, at the stage at which the run stopped. Return the exit status.

    If the undo of that run had already begun, undo the remaining stages instead. If no run has stopped, only print a
    message, and return 0. Raises Refused if the run is paused: only `promote` continues such a run.
    """
    with notifying(fleet) as notifier, begin_session(fleet, "resume") as session:
        run = open_run_of(fleet, journal_of(fleet, session, "resume"))
        if run is None:
            say("nothing to resume: the last run ended")
            return 0
        refuse_paused(run.history)
        if run.history.undoing:
            say(
                f"{run.history.name} cannot be resumed, because its undo has begun: undoing the remaining stages",
                fg="yellow",
            )
            return settle_run(fleet, session, run, notifier)
        return _go_on(fleet, session, "resume", options, run, notifier)


def promote(fleet: Fleet, options: Options) -> int:
    """Continue a run that is paused because of ``--data until=``. Return the exit status.

    The operator may give a new ``--data until=``, so that the run pauses again. Raises Refused if no run is paused.
    Raises UsageError if the new ``--data until=`` names no later pause of the run.
    """
    with notifying(fleet) as notifier, begin_session(fleet, "promote") as session:
        run = open_run_of(fleet, journal_of(fleet, session, "promote"))
        if run is None:
            raise Refused("nothing to promote: the last run ended")
        if not run.history.paused:
            raise Refused(
                f"{run.history.name} is not paused, but stopped before its end: complete that run with "
                "deploys/resume.py, or undo that run with deploys/abort.py"
            )
        check_pause(run.plan, options.until, after=run.history.paused)
        return _go_on(fleet, session, "promote", options, run, notifier)


def abort(fleet: Fleet, options: Options) -> int:
    """Undo a run that has stopped or is paused. Return the exit status.

    If the run was committed, complete the run instead, because a committed run cannot be undone. If no run has stopped
    or is paused, only print a message, and return 0. Raises NoJournal if it is unknown whether a run has stopped.
    """
    begun = begin_unjournaled(fleet) if options.unjournaled else begin_session(fleet, "abort")
    with notifying(fleet) as notifier, begun as session:
        contents = journal_of(fleet, session, "abort")
        run = open_run_of(fleet, contents)
        if run is None and options.unjournaled and not is_decided(contents.runs):
            raise NoJournal(
                "the journal and the notes on the hosts do not say whether a run has to be undone: repair the journal, "
                "or roll back with deploys/rollback.py --data journal=off"
            )
        if run is None:
            say("nothing to abort: the last run ended")
            return 0
        name = run.history.name
        if run.history.committed:
            say(f"{name} was committed, so this command completes it; to go back, run deploys/rollback.py", fg="yellow")
        else:
            waited = f", which waited {run.history.waits}" if run.history.paused else ", which stopped before its end"
            say(f"aborting {name}{waited}", bold=True)
        return settle_run(fleet, session, run, notifier)


def _go_on(fleet: Fleet, session: Session, verb: str, options: Options, run: OpenRun, notifier: Notifier) -> int:
    """Perform the remaining stages of a run that has stopped or is paused. Return the exit status.

    + verb: ``resume`` or ``promote``, for the messages and for the journal
    + run: the run to continue
    """
    history, i, whole = run
    say(f"{verb}: {history.name}", bold=True)
    if history.committed:
        return settle_run(fleet, session, run, notifier)
    until = whole.until(options.until) if options.until else whole.until_commit
    stages = [stage for stage in remaining(history, whole) if stage in until]
    before = begun_stages(history, whole)
    learn_values(fleet, i, [*before, *stages, *whole.after_commit, *at_end(i, ENDS)])
    announce_begin(fleet, session, i)
    notifier.begin(i, started=False)
    # Write both records at once: with only the first record, the next command would not know which stages to undo.
    session.append([begin_record(verb), RunInputs(i.to_json(), history.begun, history.done)])
    return walk_plan(fleet, session, i, whole, options, notifier, lambda walk: walk.go(stages, before, options.until))

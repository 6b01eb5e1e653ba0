"""Verbs that end a run which stopped or waits: resume, promote, abort."""

from __future__ import annotations

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.history import RunHistory
from orchestrator.journal.records import RunInputs
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Plan
from orchestrator.report.terminal import say
from orchestrator.run.settle import begun_stages, remaining
from orchestrator.verbs.session import begin_record, begin_session
from orchestrator.verbs.settle import open_run_of, settle_run
from orchestrator.verbs.walk import announce_busy, check_pause, know_values, walk


def resume(fleet: Fleet, options: Options) -> int:
    """Carry a run that stopped without a word to its end: the same release, from where it stopped."""
    with begin_session(fleet, "resume") as session:
        found = open_run_of(fleet)
        if found is None:
            say("nothing to resume: the last run ended")
            return 0
        if found[0].undoing:
            say(f"{found[0].name} is being undone, and cannot go on: the rest of it is undone", fg="yellow")
            return settle_run(fleet, session, *found)
        return _go_on(fleet, session, "resume", options, *found)


def promote(fleet: Fleet, options: Options) -> int:
    """Let a run go on that was asked to stop and wait (``--data until=``)."""
    with begin_session(fleet, "promote") as session:
        found = open_run_of(fleet)
        if found is None:
            raise Refused("nothing waits to be promoted: the last run ended")
        run, _, whole = found
        if not run.paused:
            raise Refused(f"{run.name} does not wait, it stopped without a word: deploys/resume.py or abort.py")
        check_pause(whole, options.until, after=run.paused)
        return _go_on(fleet, session, "promote", options, *found)


def abort(fleet: Fleet, options: Options) -> int:
    """Undo a run that stopped without a word; one that was committed can only be carried to its end."""
    with begin_session(fleet, "abort") as session:
        found = open_run_of(fleet)
        if found is None:
            say("nothing to abort: the last run ended")
            return 0
        run, _, _ = found
        if run.committed:
            say(f"{run.name} was committed: it is carried to its end (to go back: deploys/rollback.py)", fg="yellow")
        else:
            say(f"aborting {run.name}", bold=True)
        return settle_run(fleet, session, *found)


def _go_on(fleet: Fleet, session: Session, verb: str, options: Options, run: RunHistory, i: Inputs, whole: Plan) -> int:
    """The rest of an open run."""
    say(f"{verb}: {run.name}", bold=True)
    if run.committed:
        return settle_run(fleet, session, run, i, whole)
    until = whole.until(options.until) if options.until else whole.until_commit
    stages = [stage for stage in remaining(run, whole) if stage in until]
    before = begun_stages(run, whole)
    know_values(fleet, i, [*before, *stages, *whole.after_commit])
    announce_busy(fleet, session, i)
    # in one record: a journal that was cut between them would forget what has to be undone
    session.append([begin_record(verb), RunInputs(i.to_json(), run.begun, run.done)])
    return walk(fleet, session, i, whole, options, lambda walk: walk.go(stages, before, options.until))

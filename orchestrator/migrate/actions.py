"""What each command does at an open session of a database. A command that does not succeed raises an exception."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext

from orchestrator.database.backfill import described, refuse_beside, refuse_unfinished
from orchestrator.database.files import Change
from orchestrator.database.known import last_mark
from orchestrator.database.ledger import State, Work, complete, pending, refuse_earlier, summary, work
from orchestrator.database.model import Phase
from orchestrator.engines.base import BACKFILL_LOCK, SCHEMA_LOCK, Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.phase import Pause, Tell, refuse_unchecked, run_phase, unchecked
from orchestrator.engines.traces import look
from orchestrator.engines.trouble import flat
from orchestrator.errors import Interrupted, OrchestratorError, Refused, StatementFailed
from orchestrator.migrate.backfills import planned
from orchestrator.migrate.guard import Asked, exclusive, gate
from orchestrator.migrate.marks import by_hand_now, marked, note_right


def status(connection: Connection, changes: Sequence[Change], tell: Tell) -> None:
    """Print the state of each file and of the schema, and the session that changes the schema at present."""
    ledger = Ledger(connection, "")
    rows, state, progress = ledger.rows(), ledger.state(), ledger.backfills()
    runner = str(connection.holder(BACKFILL_LOCK) or "")
    for change in changes:
        for phase, word in summary(change, rows, connection.engine).items():
            if phase is Phase.BACKFILL:
                tell(f"{change.name}.{phase}.sql: {described(change, progress, runner, connection.engine)}")
            elif word:
                tell(f"{change.name}.{phase}.sql: {word}")
    for row in (one for one in rows if one.state is State.STARTED):
        tell(f"{row.where}: {look(connection, row.statement)}")
    names = {change.name for change in changes}
    for name in sorted({row.change for row in rows} - names):
        tell(f"{name}: ran, but its files are not in this directory")
    tell(f"schema: {state['state']} since {state['updated']} UTC" if state else "schema: nothing ran yet")
    if state.get("barrier"):
        tell(f"no release older than {state['barrier']} may run")
    marks = ledger.marks()
    for line in filter(None, (last_mark(marks), by_hand_now(connection, marks))):
        tell(line)
    holder = connection.holder(SCHEMA_LOCK)
    if holder is not None:
        tell(f"at present changed by {holder}")


def plan(connection: Connection, changes: Sequence[Change], asked: Asked, tell: Tell) -> None:
    """Print what ``expand``, ``backfill`` and ``contract`` would run. Raises Refused if ``expand`` would be refused."""
    works = _expand(connection, changes, Ledger(connection, "", asked.release), asked)
    for one in works:
        for step in one.steps:
            tell(f"expand: {one.file.name}: step {step.number} of {one.total}: {flat(step.statement)}")
    if not works:
        tell("expand: nothing to do")
    rows = Ledger(connection, "").rows()
    planned(connection, changes, tell)
    for change in changes:
        if summary(change, rows, connection.engine).get(Phase.CONTRACT, "done") != "done":
            tell(f"contract, later: {change.files[Phase.CONTRACT].name}")


def verify(connection: Connection, changes: Sequence[Change], tell: Tell) -> None:
    """For each change whose contract has not run, print whether the old rows are ready for the contract.

    This command changes nothing. Raises StatementFailed if a change is not ready: its backfill is not done, or a check
    query does not return 0.
    """
    ledger, engine = Ledger(connection, ""), connection.engine
    rows, progress, left = ledger.rows(), ledger.backfills(), list[str]()
    for change in changes:
        checked = Phase.CHECK in change.files or Phase.BACKFILL in change.files
        if not checked or (Phase.CONTRACT in change.files and complete(change, Phase.CONTRACT, rows, engine)):
            continue
        if Phase.EXPAND in change.files and not complete(change, Phase.EXPAND, rows, engine):
            tell(f"{change.name}: the expand file has not run")
            continue
        known = progress.get(change.name)
        if Phase.BACKFILL in change.files and not (known and known.done):
            said = f"{change.name}.backfill.sql is not done"
        else:
            said = unchecked(connection, change)
        tell(said or f"{change.name}: ready for the contract")
        left += [change.name] if said else []
    if left:
        raise StatementFailed(f"not ready for the contract: {', '.join(left)}")


def expand(connection: Connection, changes: Sequence[Change], asked: Asked, tell: Tell, pause: Pause) -> None:
    """Run all expand files that have not run."""
    with exclusive(connection, asked, tell) as ledger:
        works = _expand(connection, changes, ledger, asked)
        _marked(ledger, works, "expand", asked, tell, pause)


def _expand(connection: Connection, changes: Sequence[Change], ledger: Ledger, asked: Asked) -> list[Work]:
    rows = ledger.rows()
    works = work(changes, rows, Phase.EXPAND, connection.engine)
    refuse_beside(works, changes, rows, ledger.backfills(), connection.engine)
    earlier = pending(changes, rows, connection.engine, asked.release)
    or_else = ", or, if the old code still runs, pass --defer"
    refuse_earlier(earlier, works, asked.defer, connection.engine, "run db contract first", or_else)
    gate([one.file for one in works], connection.engine)
    return works


def expand_works(ledger: Ledger, changes: Sequence[Change], live: Sequence[Change], defer: bool) -> list[Work]:
    """Return the expand files that a release is to run.

    Raises Refused if a step has no result, if a file was edited after it ran, if a backfill of the same table is not
    finished, or if the contract of the live release must run first.

    + changes: the files of the new release
    + live: the files of the live release. Only their contracts can run before the release
    + defer: whether the contract may run later if its tables are not those of the new files
    """
    rows, engine = ledger.rows(), ledger.connection.engine
    works = work(changes, rows, Phase.EXPAND, engine)
    refuse_beside(works, changes, rows, ledger.backfills(), engine)
    # if the new release has removed a contract file, the developers have given up this contract
    wanted = {change.name for change in changes if Phase.CONTRACT in change.files}
    earlier = [change for change in pending(live, rows, engine, live=True) if change.name in wanted]
    refuse_earlier(earlier, works, defer, engine, "run deploys/contract.py first")
    return works


def contract_works(ledger: Ledger, changes: Sequence[Change]) -> list[Work]:
    """Return the contract files that are to run.

    Raises Refused if a step has no result, if a file was edited after it ran, if a backfill is not finished, or if a
    check query does not return 0.
    """
    works = work(changes, ledger.rows(), Phase.CONTRACT, ledger.connection.engine)
    refuse_unfinished(works, changes, ledger.backfills())
    refuse_unchecked(ledger.connection, changes, works)
    return works


def contract(connection: Connection, changes: Sequence[Change], asked: Asked, tell: Tell, pause: Pause) -> None:
    """Run all contract files that have not run.

    Raises Refused while a backfill is not finished, or a check query does not return 0.
    """
    with exclusive(connection, asked, tell) as ledger:
        works = work(changes, ledger.rows(), Phase.CONTRACT, connection.engine)
        gate([one.file for one in works], connection.engine)
        refuse_unfinished(works, changes, ledger.backfills())
        refuse_unchecked(connection, changes, works)
        _marked(ledger, works, "contract", asked, tell, pause)


def _marked(ledger: Ledger, works: Sequence[Work], what: str, asked: Asked, tell: Tell, pause: Pause) -> None:
    """Run the steps of files, and mark the database if there are any files to run."""
    with marked(ledger, what) if works else nullcontext():
        run_works(ledger, works, what, asked, tell, pause)


def confirm(connection: Connection, run: str, tell: Tell) -> None:
    """Write that an operator has found the schema correct after a run, although a check found a difference."""
    with exclusive(connection, Asked(), tell) as ledger:
        note_right(ledger, run)
        tell(f"noted: the schema is right after run {run}")


def resolve(connection: Connection, done: bool | None, tell: Tell) -> None:
    """Write what the operator has found out about steps that were started and have no result.

    + done: whether the server has carried out the statement. None: only tell what the catalog says, and raise Refused
    """
    with exclusive(connection, Asked(), tell) as ledger:
        unclear = [row for row in ledger.rows() if row.state is State.STARTED]
        looks = [f"{row.where}: {look(connection, row.statement)}" for row in unclear]
        if unclear and done is None:
            raise Refused("\n".join(looks))
        for row in unclear:
            ledger.resolve(row, State.DONE if done else State.FAILED)
            tell(f"{row.where}: {'done' if done else 'the next command runs the step again'}")
        if not unclear:
            tell("nothing to resolve: each step that was started has a result")


def unlock(connection: Connection, end: bool, tell: Tell) -> None:
    """Name the session that changes the schema. If ``end`` is true, end this session, otherwise raise Refused.

    If no session changes the schema, the command does the same with the session that runs a backfill.
    """
    holder, what = connection.holder(SCHEMA_LOCK), "changes the schema"
    if holder is None:
        holder, what = connection.holder(BACKFILL_LOCK), "runs a backfill"
    if holder is None:
        tell("no session changes the schema or runs a backfill")
        return
    if not end:
        raise Refused(
            f"{holder} {what}. If its command is dead or hangs, end the session with orchestrator db unlock --yes: the"
            " server then stops and undoes the present statement"
        )
    connection.end(holder.id)
    tell(f"ended {holder}")


def run_works(
    ledger: Ledger, works: Sequence[Work], what: str, asked: Asked, tell: Tell, pause: Pause = time.sleep
) -> None:
    """Run the steps of files, and write the state of the schema before and after.

    + what: ``expand`` or ``contract``
    """
    if not works:
        tell(f"{what}: nothing to do")
        return
    # with the first statement of a contract, older code can no longer run
    barrier = asked.release if what == "contract" and asked.release else None
    ledger.set_state(f"{what}ing", barrier)
    try:
        run_phase(ledger, works, tell, asked.patience, pause)
    except (OrchestratorError, Interrupted):
        _note_failure(ledger, what)
        raise
    ledger.set_state("expanded" if what == "expand" else "idle")
    tell(f"{what}: {sum(len(one.steps) for one in works)} steps done")


def _note_failure(ledger: Ledger, what: str) -> None:
    try:
        ledger.set_state(f"{what} failed")
    except OrchestratorError:
        return  # the connection is lost: the rows of the steps also show which steps are not done

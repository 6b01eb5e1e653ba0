"""What each command does at an open session of a database. A command that does not succeed raises an exception."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.database.files import Change
from orchestrator.database.ledger import State, Work, refuse_earlier, summary, work
from orchestrator.database.lint import lint
from orchestrator.database.model import Engine, Phase
from orchestrator.database.render import text
from orchestrator.engines.base import SCHEMA_LOCK, Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.phase import Pause, Tell, refuse_unfinished, run_phase
from orchestrator.engines.trouble import flat
from orchestrator.errors import Interrupted, OrchestratorError, Refused


@dataclass(frozen=True)
class Asked:
    """The options of a command.

    + release: name of the release for which the schema changes; empty if none was named
    + defer: whether to run the files although the contract of an earlier release is pending
    + wait: seconds to wait for another run
    + patience: seconds for which a statement waits for locks of other sessions
    """

    release: str = ""
    defer: bool = False
    wait: float = 0
    patience: float = 300


def new_run() -> str:
    """A name for a run: the time (UTC) and a random number."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def status(connection: Connection, changes: Sequence[Change], tell: Tell) -> None:
    """Print the state of each file and of the schema, and the session that changes the schema at present."""
    ledger = Ledger(connection, "")
    rows, state = ledger.rows(), ledger.state()
    for change in changes:
        for phase, word in summary(change, rows, connection.engine).items():
            if word:
                tell(f"{change.name}.{phase}.sql: {word}")
    names = {change.name for change in changes}
    for name in sorted({row.change for row in rows} - names):
        tell(f"{name}: ran, but its files are not in this directory")
    tell(f"schema: {state['state']} since {state['updated']} UTC" if state else "schema: nothing ran yet")
    if state.get("barrier"):
        tell(f"no release older than {state['barrier']} may run")
    holder = connection.holder(SCHEMA_LOCK)
    if holder is not None:
        tell(f"at present changed by {holder}")


def plan(connection: Connection, changes: Sequence[Change], asked: Asked, tell: Tell) -> None:
    """Print what ``expand`` and ``contract`` would run. Raises Refused if ``expand`` would be refused."""
    works = _expand(connection, changes, Ledger(connection, "", asked.release), asked)
    for one in works:
        for step in one.steps:
            tell(f"expand: {one.file.name}: step {step.number} of {one.total}: {flat(step.statement)}")
    if not works:
        tell("expand: nothing to do")
    rows = Ledger(connection, "").rows()
    for change in changes:
        if summary(change, rows, connection.engine).get(Phase.CONTRACT, "done") != "done":
            tell(f"contract, later: {change.files[Phase.CONTRACT].name}")


def expand(connection: Connection, changes: Sequence[Change], asked: Asked, tell: Tell, pause: Pause) -> None:
    """Run all expand files that have not run."""
    with _exclusive(connection, asked, tell) as ledger:
        works = _expand(connection, changes, ledger, asked)
        _run(ledger, works, "expand", asked, tell, pause)


def _expand(connection: Connection, changes: Sequence[Change], ledger: Ledger, asked: Asked) -> list[Work]:
    rows = ledger.rows()
    works = work(changes, rows, Phase.EXPAND, connection.engine)
    refuse_earlier(changes, rows, works, asked.release, asked.defer, connection.engine)
    _gate(works, connection.engine)
    return works


def contract(connection: Connection, changes: Sequence[Change], asked: Asked, tell: Tell, pause: Pause) -> None:
    """Run all contract files that have not run. Raises Refused while a check query does not return 0."""
    with _exclusive(connection, asked, tell) as ledger:
        works = work(changes, ledger.rows(), Phase.CONTRACT, connection.engine)
        _gate(works, connection.engine)
        refuse_unfinished(connection, changes, works)
        _run(ledger, works, "contract", asked, tell, pause)


def resolve(connection: Connection, done: bool, tell: Tell) -> None:
    """Write what the operator has found out about steps that were started and have no result."""
    with _exclusive(connection, Asked(), tell) as ledger:
        unclear = [row for row in ledger.rows() if row.state is State.STARTED]
        for row in unclear:
            ledger.resolve(row, State.DONE if done else State.FAILED)
            tell(f"{row.where}: {'done' if done else 'the next command runs the step again'}")
        if not unclear:
            tell("nothing to resolve: each step that was started has a result")


def unlock(connection: Connection, end: bool, tell: Tell) -> None:
    """Name the session that changes the schema. If ``end`` is true, end this session, otherwise raise Refused."""
    holder = connection.holder(SCHEMA_LOCK)
    if holder is None:
        tell("no session changes the schema")
        return
    if not end:
        raise Refused(
            f"{holder} changes the schema. If its command is dead or hangs, end the session with orchestrator db unlock"
            " --yes: the server then stops and undoes the present statement"
        )
    connection.end(holder.id)
    tell(f"ended {holder}")


@contextmanager
def _exclusive(connection: Connection, asked: Asked, tell: Tell) -> Iterator[Ledger]:
    """Hold the lock of the schema during the ``with`` block, and make sure that the ledger exists."""
    with connection.lock(SCHEMA_LOCK) as got:
        if got:
            yield _ready(connection, asked)
            return
    holder = connection.holder(SCHEMA_LOCK)
    who = holder or "another session, which has just ended,"
    if not asked.wait:
        raise Refused(f"{who} changes the schema of {connection.url}: wait for its end, or pass --wait SECONDS")
    tell(f"{who} changes the schema: waiting up to {asked.wait:.0f} s")
    with connection.lock(SCHEMA_LOCK, asked.wait) as got:
        if not got:
            raise Refused(
                f"{connection.holder(SCHEMA_LOCK) or who} still changes the schema of {connection.url} after"
                f" {asked.wait:.0f} s: run the command again later"
            )
        yield _ready(connection, asked)


def _ready(connection: Connection, asked: Asked) -> Ledger:
    ledger = Ledger(connection, new_run(), asked.release)
    ledger.create()
    return ledger


def _gate(works: Sequence[Work], engine: Engine) -> None:
    """Raise Refused if the lint has a finding in a file that will run."""
    judged = [lint(one.file.text, one.file.name, engine, one.file.phase) for one in works]
    if any(one.open for one in judged):
        raise Refused(f"the check of the files has findings, and nothing ran:\n{text(judged)}".rstrip())


def _run(ledger: Ledger, works: Sequence[Work], what: str, asked: Asked, tell: Tell, pause: Pause) -> None:
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
        return  # the connection is lost: the rows of the steps say as much

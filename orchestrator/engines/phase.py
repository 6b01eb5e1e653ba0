"""Runs the steps of SQL files: each step exactly once, in order, and noted in the ledger."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from orchestrator.database.files import Change
from orchestrator.database.ledger import State, Step, Work
from orchestrator.database.model import Phase
from orchestrator.engines.base import LOCK_TIMEOUT, PATIENCE, Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.trouble import flat
from orchestrator.errors import ConnectionLost, Interrupted, Refused, StatementFailed

_INDEX = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>\"(?:[^\"]|\"\")+\"|[\w$]+)\s+ON\b",
    re.IGNORECASE,
)
_CONCURRENTLY = re.compile(
    r"(?:CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+(?:INDEX|TABLE))\s+CONCURRENTLY\b", re.IGNORECASE
)
"""Statements that block no query, but wait until all older transactions have ended.

A second attempt would begin with the whole work again, and REINDEX would leave one more unfinished index.
"""
Tell = Callable[[str], None]
Pause = Callable[[float], None]


def run_phase(
    ledger: Ledger, works: Sequence[Work], tell: Tell, patience: float = PATIENCE, pause: Pause = time.sleep
) -> None:
    """Run the steps of files, one after the other.

    In PostgreSQL, the steps of a group and their rows in the ledger are one transaction. All other steps are noted
    before they start and after their end. Raises StatementFailed at the first step that fails.

    + tell: gets a line for each step
    + patience: seconds for which a step waits for locks of other sessions
    + pause: waits for a number of seconds, and raises Interrupted if the run must stop. ``run_phase`` also calls
      ``pause`` with 0 before each step
    """
    for work in works:
        for group, steps in groupby(work.steps, lambda one: one.group):
            if group is None:
                for step in steps:
                    pause(0)
                    _alone(ledger, work, step, tell, patience, pause)
            else:
                pause(0)
                _together(ledger, work, list(steps), tell, patience, pause)


def _together(ledger: Ledger, work: Work, steps: Sequence[Step], tell: Tell, patience: float, pause: Pause) -> None:
    """Run steps in one transaction, which is tried again as a whole if a lock is not free."""
    connection, at = ledger.connection, steps[0]

    def attempt() -> None:
        nonlocal at
        with connection.transaction():
            for at, left in _in_time(steps):
                # the locks of earlier steps are held meanwhile: all steps together wait no longer than one step alone
                connection.execute(f"SET LOCAL lock_timeout = {left}")
                connection.execute(at.statement)
                ledger.note_within(work, at)

    for setting in steps[-1].settings:
        connection.execute(setting)
    try:
        connection.retry(attempt, f"{work.file.name} ({flat(at.statement)})", patience, tell, pause)
    except ConnectionLost:
        raise
    except StatementFailed as error:
        ledger.note(work, at, State.FAILED, str(error))
        raise
    for step in steps:
        tell(f"{work.file.name}: step {step.number} of {work.total} done: {flat(step.statement)}")


def _in_time(steps: Sequence[Step]) -> Iterator[tuple[Step, int]]:
    """Yield each step, and the milliseconds for which the step may wait for locks."""
    began = time.monotonic()
    for step in steps:
        yield step, max(10, LOCK_TIMEOUT - round((time.monotonic() - began) * 1000))


def _alone(ledger: Ledger, work: Work, step: Step, tell: Tell, patience: float, pause: Pause) -> None:
    """Run a step without a transaction. Between the two notes, only the server knows whether the step is done."""
    connection = ledger.connection
    index = _index(work, step)
    patient = step.group is None and _CONCURRENTLY.match(step.statement) is not None
    ledger.note(work, step, State.STARTED)

    def attempt() -> None:
        for setting in step.settings:
            connection.execute(setting)
        if patient:
            # no query waits behind this statement, which must wait until all older transactions have ended
            connection.execute(f"SET lock_timeout = {round(patience * 1000)}")
        if index:
            _drop_invalid(connection, index, tell)
        connection.execute(step.statement)
        if index and _invalid(connection, index):
            raise StatementFailed(f"{work.file.name}: the index {index} is invalid: run the command again")

    try:
        connection.retry(attempt, f"{work.file.name} ({flat(step.statement)})", patience, tell, pause, watch=patient)
    except ConnectionLost:
        raise
    except (StatementFailed, Interrupted) as error:
        ledger.note(work, step, State.FAILED, str(error))
        raise
    ledger.note(work, step, State.DONE)
    tell(f"{work.file.name}: step {step.number} of {work.total} done: {flat(step.statement)}")


def _index(work: Work, step: Step) -> str:
    """The name of the index that a step builds without blocking writes; empty for other steps.

    Raises Refused if the statement does not name the index directly after CONCURRENTLY.
    """
    if not re.match(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b", step.statement, re.IGNORECASE):
        return ""
    said = _INDEX.match(step.statement)
    if said is None:
        raise Refused(
            f"{work.file.name}: name the index directly after CONCURRENTLY, so that an index that was left unfinished"
            f" can be found: {flat(step.statement)}"
        )
    return said["name"]


def _invalid(connection: Connection, index: str) -> bool:
    """Whether PostgreSQL has an unfinished index with this name."""
    return bool(
        connection.query("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", (index,))
    )


def _drop_invalid(connection: Connection, index: str, tell: Tell) -> None:
    """Drop the index that an earlier attempt left unfinished."""
    if _invalid(connection, index):
        tell(f"the index {index} is invalid, because building it has failed: dropping it")
        connection.execute(f"DROP INDEX CONCURRENTLY {index}")


def refuse_unchecked(connection: Connection, changes: Sequence[Change], works: Sequence[Work]) -> None:
    """Raise Refused if a change will be contracted and its check query does not return 0."""
    # a contract that has begun is left out: its first step may have removed a column that the check query needs
    wanted = {work.file.change for work in works if len(work.steps) == work.total}
    for change in (one for one in changes if one.name in wanted):
        left = unchecked(connection, change)
        if left:
            raise Refused(f"{left}: first complete the backfill of {change.name}")


def unchecked(connection: Connection, change: Change) -> str:
    """Say which check query of a change does not return 0; empty if all return 0.

    Raises Refused if a check query does not return one number.
    """
    check = change.files.get(Phase.CHECK)
    if check is None:
        return ""
    for statement in check.statements(connection.engine):
        rows = connection.query(statement.text)
        if len(rows) != 1 or len(rows[0]) != 1:
            raise Refused(f"{check.name}: the query must return one number, such as SELECT count(*) ...")
        if rows[0][0] != 0:
            return f"{check.name} returns {rows[0][0]} and not 0"
    return ""

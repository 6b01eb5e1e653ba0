"""Writes and compares the marks of runs that change the schema: see ``database/known.py``."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from orchestrator.database.catalog import Catalog
from orchestrator.database.digests import digests
from orchestrator.database.known import RESOLVED, Known, Mark, changed_since, differs
from orchestrator.database.model import Engine
from orchestrator.engines.base import PATIENCE, Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.shadow import read_catalog
from orchestrator.errors import Blocked, OrchestratorError, Refused

NOT_LONG = 1.0
"""Seconds for which a command waits for a lock, if the command only shows the state.

This is enough for a second attempt, which learns which session holds the lock.
"""


def tables(connection: Connection, patience: float = PATIENCE) -> str:
    """Return a digest of each table at present. The session must be in the database of the application.

    + patience: seconds to wait while another session changes a table. PostgreSQL then does not let anyone read the
      table's keys and defaults

    Raises Blocked if another session changes a table for longer than ``patience``.
    """
    if connection.engine is Engine.MYSQL:
        return ""  # the catalog of MySQL cannot be read
    found: list[Catalog] = []
    connection.retry(lambda: found.append(read_catalog(connection)), "reading the schema", patience)
    return digests(found[-1], connection.version)


def changed_by_hand(connection: Connection, marks: Sequence[Mark], patience: float = PATIENCE) -> str | None:
    """Return which tables were changed since the last mark; None if none was changed, or if this is unknown.

    + marks: the marks of the database, oldest first
    + patience: seconds to wait while another session changes a table: see ``tables``
    """
    return changed_since(marks, tables(connection, patience)) if marks and marks[-1].tables else None


def by_hand_now(connection: Connection, marks: Sequence[Mark]) -> str | None:
    """Return the same as ``changed_by_hand``, but wait only NOT_LONG: if a table changes at present, say so."""
    try:
        return changed_by_hand(connection, marks, NOT_LONG)
    except Blocked as blocked:
        return f"it is unknown whether tables were changed by hand: {blocked}"


@contextmanager
def marked(ledger: Ledger, phase: str, inventory: str = "") -> Iterator[None]:
    """Mark the database during the ``with`` block, which changes the schema. The caller holds the lock of the schema.

    If the block raises an exception, the mark says that the run has failed. If the process dies, the mark says that the
    run has not ended.

    + inventory: the application and inventory of the run; empty for ``orchestrator db``
    """
    ledger.mark(_mark(ledger, phase, "started", inventory))
    try:
        yield
    except Exception:
        with suppress(OrchestratorError):  # the error of the block is the one to show
            ledger.end_mark(ledger.run, "failed", tables(ledger.connection))
        raise
    ledger.end_mark(ledger.run, "done", tables(ledger.connection))


def note_right(ledger: Ledger, run: str) -> None:
    """Write that an operator has compared the schema with the migrations after a run, and that the schema is correct.

    + run: name of the run, as the message of ``differs`` or ``changed_since`` shows it
    """
    made = _mark(ledger, RESOLVED, "done", "")
    ledger.mark(Mark(run, made.phase, made.state, "", "", made.host, made.at, tables(ledger.connection)))


def refuse_different(marks: Sequence[Mark], known: Known | None, inventory: str) -> None:
    """Raise Refused if the database differs from the journal: see ``differs`` of database/known.py."""
    if said := differs(known, marks, inventory):
        raise Refused(said)


def _mark(ledger: Ledger, phase: str, state: str, inventory: str) -> Mark:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Mark(ledger.run, phase, state, ledger.release, inventory[:190], socket.gethostname(), now)

"""Writes and compares the marks of runs that change the schema: see ``database/known.py``."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from orchestrator.database.digests import digests
from orchestrator.database.known import RESOLVED, Known, Mark, changed_since, differs
from orchestrator.database.model import Engine
from orchestrator.engines.base import Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.shadow import read_catalog
from orchestrator.errors import OrchestratorError, Refused


def tables(connection: Connection) -> str:
    """Return a digest of each table at present. The session must be in the database of the application."""
    if connection.engine is Engine.MYSQL:
        return ""  # the catalog of MySQL cannot be read
    return digests(read_catalog(connection), connection.version)


def last_mark(ledger: Ledger) -> str:
    """Return the line about the last change of the schema; empty if the database has no mark."""
    marks = ledger.marks()
    if not marks:
        return ""
    return f"last change: {marks[-1]}{'' if marks[-1].state == 'done' else f', {marks[-1].state}'}"


def difference(ledger: Ledger, known: Known | None, inventory: str) -> str | None:
    """Return how the database differs from the journal; None if both agree. Reads only."""
    return differs(known, ledger.marks(), inventory)


def changed_by_hand(ledger: Ledger) -> str | None:
    """Return which tables were changed since the last mark; None if none was changed, or if this is unknown."""
    marks = ledger.marks()
    return changed_since(marks, tables(ledger.connection)) if marks and marks[-1].tables else None


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


def refuse_different(ledger: Ledger, known: Known | None, inventory: str) -> None:
    """Raise Refused if the database differs from the journal."""
    if said := difference(ledger, known, inventory):
        raise Refused(said)


def _mark(ledger: Ledger, phase: str, state: str, inventory: str) -> Mark:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Mark(ledger.run, phase, state, ledger.release, inventory[:190], socket.gethostname(), now)

"""Looks in the catalog whether the server has carried out a statement that has no result in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.database.traces import Kind, Trace, traces
from orchestrator.engines.base import Connection
from orchestrator.engines.keys import quoted

_POSTGRES = {
    Kind.TABLE: "SELECT true FROM pg_class WHERE oid = to_regclass(%s) AND %s = ''",
    Kind.COLUMN: "SELECT true FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped",
    Kind.INDEX: "SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE indrelid = to_regclass(%s) AND relname = %s",
}
_MARIADB = {
    Kind.TABLE: "SELECT true FROM information_schema.tables WHERE table_schema = coalesce(%s, database())"
    " AND table_name = %s AND %s = ''",
    Kind.COLUMN: "SELECT true FROM information_schema.columns WHERE table_schema = coalesce(%s, database())"
    " AND table_name = %s AND column_name = %s",
    Kind.INDEX: "SELECT DISTINCT true FROM information_schema.statistics WHERE table_schema = coalesce(%s, database())"
    " AND table_name = %s AND index_name = %s",
}


@dataclass(frozen=True)
class Look:
    """What the catalog says about a statement.

    + seen: words about each object
    + done: the server has carried out the statement; None if the catalog cannot tell
    """

    seen: tuple[str, ...]
    done: bool | None

    @override
    def __str__(self) -> str:
        if self.done is None:
            return "the catalog of the server cannot tell whether the statement was carried out"
        option = "--done" if self.done else "--retry"
        return f"{', and '.join(self.seen)}: run orchestrator db resolve {option}"


def look(connection: Connection, statement: str) -> Look:
    """Look in the catalog for the objects that a statement creates or drops.

    If an object existed before the statement, so that the statement failed, the catalog looks as if the server had
    carried out the statement. Therefore the operator decides.
    """
    found = [(one, _valid(connection, one)) for one in traces(statement, connection.engine)]
    done = {(valid is True) is one.present for one, valid in found}
    return Look(tuple(_seen(one, valid) for one, valid in found), done.pop() if len(done) == 1 else None)


def _valid(connection: Connection, trace: Trace) -> bool | None:
    """Whether an object is valid; None if the object does not exist."""
    if connection.engine is Engine.POSTGRES:
        table = quoted(trace.table, connection.engine)
        rows = connection.query(_POSTGRES[trace.kind], (table, trace.name))
    else:
        rows = connection.query(_MARIADB[trace.kind], (*(None, *trace.table)[-2:], trace.name))
    return bool(rows[0][0]) if rows else None


def _seen(trace: Trace, valid: bool | None) -> str:
    if valid is False:
        return f"the {trace} is invalid"
    return f"there is no {trace}" if valid is None else f"the {trace} exists"

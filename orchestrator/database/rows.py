"""Judges statements that read or write rows, and settings of the session."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from orchestrator.database.findings import Problem
from orchestrator.database.model import Phase
from orchestrator.database.ranges import keeps
from orchestrator.database.state import State
from orchestrator.database.syntax import constant, milliseconds, name_of, now, null, only, only_reads, tests_null

LONGEST_WAIT = 5_000
"""Milliseconds. A statement may wait at most this long for a lock, because queries of the old code wait behind it."""


def insert(node: exp.Insert, state: State) -> Iterator[Problem]:
    """Judge INSERT. New rows of constants are no problem, because an application writes such rows all the time."""
    table = name_of(node.this, state.engine)
    name = f"table {table}"
    state.own = True
    if table in state.created and (only_values(node) or _copies(node, state)):
        return
    if state.phase is Phase.BACKFILL and _adds_rows(node):
        return
    conflict = node.args.get("conflict")
    if conflict is not None and (conflict.expressions or str(conflict.args.get("action")).upper() != "DO NOTHING"):
        yield Problem("row-change", name)
    elif not isinstance(node.expression, exp.Values):
        yield Problem("bulk-write", name)
    elif not only_values(node) or not only(node, "this", "expression", "conflict", "ignore", "is_function"):
        yield Problem("not-recognised", name)


def _copies(node: exp.Insert, state: State) -> bool:
    """Whether INSERT fills a table from a query. In PostgreSQL, the query locks no rows."""
    plain = only(node, "this", "expression") and isinstance(node.expression, exp.Query)
    return state.postgres and not state.in_transaction and plain and only_reads(node.expression)


def _adds_rows(node: exp.Insert) -> bool:
    """Whether INSERT ... SELECT only adds rows that are not there yet, and reads without locks of its own."""
    conflict = node.args.get("conflict")
    if conflict is None or not isinstance(node.expression, exp.Select) or not only_reads(node.expression):
        return False
    return str(conflict.args.get("action")).upper() == "DO NOTHING" or keeps(conflict)


def only_values(node: exp.Insert) -> bool:
    """Whether all values of INSERT are constants, NULL, DEFAULT or the present time."""
    values = node.expression
    if not isinstance(values, exp.Values) or not only(values, "expressions"):
        return False
    cells = [cell for row in values.expressions for cell in (row.expressions if isinstance(row, exp.Tuple) else [row])]
    return all(constant(cell) or null(cell) or now(cell) or _default(cell) for cell in cells)


def _default(cell: exp.Expr) -> bool:
    return isinstance(cell, exp.Column | exp.Var) and cell.sql().upper() == "DEFAULT"


def update(node: exp.Update, state: State) -> Iterator[Problem]:
    """Judge UPDATE. In the phase backfill, an UPDATE may set a column, but only in rows where this column is NULL."""
    name = f"table {name_of(node.this, state.engine)}"
    state.own = True
    if state.phase is not Phase.BACKFILL:
        yield Problem("bulk-write", name)
    elif not only(node, "this", "expressions", "where") or not _fills_only_null(node, state):
        yield Problem("backfill", name)


def _fills_only_null(node: exp.Update, state: State) -> bool:
    where = node.args.get("where")
    if where is None or not isinstance(node.this, exp.Table) or not only(node.this, "this", "db"):
        return False
    if any(isinstance(one, exp.Query | exp.Anonymous) for one in node.walk()):
        return False
    written = {name_of(one.this, state.engine) for one in node.expressions if isinstance(one, exp.EQ)}
    tests = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    for test in tests:
        written.discard(name_of(tests_null(test, negate=False), state.engine))
    return not written


def delete(node: exp.Expr, state: State) -> Iterator[Problem]:
    """Judge DELETE and TRUNCATE."""
    tables = node.expressions if isinstance(node, exp.TruncateTable) else [node.this]
    names = [name_of(one, state.engine) for one in tables]
    state.own = True
    if not set(names) <= state.created or not only(node, "this", "where", "expressions"):
        yield Problem("data-loss", f"table {', '.join(names)}")


def query(node: exp.Query, state: State) -> Iterator[Problem]:
    """Judge SELECT."""
    if not only_reads(node):
        yield Problem("query", "query")
    elif state.in_transaction and state.altered:
        yield Problem("transaction", "query")


def setting(node: exp.Set, state: State) -> Iterator[Problem]:
    """Judge SET: only short time limits for locks may be set, because SET could also turn off guards."""
    for item in node.expressions:
        if not _allowed(item, state):
            yield Problem("setting", item.sql(dialect=state.engine.dialect)[:80])


def _allowed(item: exp.Expr, state: State) -> bool:
    pair = item.this
    kind = str(item.args.get("kind") or "").upper()
    if kind == "NAMES":
        return str(pair.name).lower() in ("utf8mb4", "utf8", "utf8mb3")
    if kind not in ("", "SESSION", "LOCAL") or not isinstance(pair, exp.EQ) or not only(item, "this", "kind"):
        return False
    name = name_of(pair.this, state.engine).lower()
    if isinstance(pair.this, exp.SessionParameter) and str(pair.this.args.get("kind")).lower() == "session":
        name = pair.this.name.lower()
    value = milliseconds(pair.expression)
    if value is None:
        return False
    if state.postgres:
        return 0 < value <= LONGEST_WAIT if name == "lock_timeout" else name == "statement_timeout" and value > 0
    return name in ("lock_wait_timeout", "innodb_lock_wait_timeout") and value * 1_000 <= LONGEST_WAIT

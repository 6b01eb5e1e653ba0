"""Reads the file of a backfill: one statement that changes the rows of a range of keys. Pure.

The statement has the condition ``key BETWEEN :first AND :last``. From the condition, this module learns the table and
the key by which a backfill divides the rows into batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from orchestrator.database.files import File
from orchestrator.database.model import Engine
from orchestrator.database.split import Statement
from orchestrator.database.syntax import name_of, only, parse
from orchestrator.errors import Refused

EXAMPLE = "WHERE id BETWEEN :first AND :last"
_PLACE = re.compile(r"(?<!:):(first|last)\b")
_KINDS = "only UPDATE and INSERT ... SELECT can run in batches: write other statements into an expand file"
_ONE_TABLE = "UPDATE must name one table, without FROM, JOIN, ORDER BY, LIMIT and RETURNING"
_SPLITS = {
    "limit": "LIMIT",
    "offset": "OFFSET",
    "distinct": "DISTINCT",
    "having": "HAVING",
    "windows": "WINDOW",
    "qualify": "QUALIFY",
    "with_": "WITH",
    "locks": "FOR UPDATE",
}
"""Parts of a SELECT whose result depends on more rows than those of the range, or that lock rows."""


@dataclass(frozen=True)
class Ranged:
    """A statement that changes the rows of a range of keys.

    + statement: the text with ``%s`` in place of ``:first`` and ``:last``, and ``%%`` in place of ``%``
    + table: parts of the name of the table whose rows are divided into ranges, as the server reads them, such as
      ``("shop", "orders")``
    + key: name of the column of which ``:first`` and ``:last`` are values
    + target: parts of the name of the table that INSERT fills; empty for UPDATE
    + columns: columns of ``target`` that INSERT fills
    """

    statement: str
    table: tuple[str, ...]
    key: str
    target: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Misfit:
    """Why a statement cannot run in batches.

    + line: number of the line on which the statement begins, from 1
    """

    line: int
    why: str


def read(file: File, engine: Engine) -> Ranged:
    """Return the statement of a file of the phase backfill. Raises Refused, and the message names the line."""
    found = ranged(file.statements(engine), engine)
    if isinstance(found, Misfit):
        raise Refused(f"{file.name}:{found.line}: {found.why}")
    return found


def ranged(statements: Sequence[Statement], engine: Engine) -> Ranged | Misfit:
    """Return the statement of a backfill, or why the statements of its file cannot run in batches."""
    if len(statements) != 1:
        line = statements[1].line if statements else 1
        return Misfit(line, f"the file has {len(statements)} statements: write one statement per backfill file")
    [one] = statements
    tree = parse(one.clean, engine)
    if one.unfinished or one.executable or not isinstance(tree, exp.Update | exp.Insert):
        return Misfit(one.line, _KINDS)
    why = next(_misfits(one, tree, engine), "")
    if why:
        return Misfit(one.line, why)
    rows = _rows(tree)
    place = next(_ranges(rows, engine))
    inserts = isinstance(tree, exp.Insert)
    return Ranged(
        statement=_PLACE.sub("%s", one.text.replace("%", "%%")),
        table=_parts(_source(rows), engine),
        key=name_of(place.this.this, engine),
        target=_parts(tree.this.this, engine) if inserts else (),
        columns=tuple(name_of(column, engine) for column in tree.this.expressions) if inserts else (),
    )


def without_rows(text: str) -> str:
    """Return a statement of a backfill for an empty range of keys, so that a server can run the statement as a test."""
    return _PLACE.sub("NULL", text)


def _rows(tree: exp.Expr) -> exp.Expr:
    """The part that says which rows of which table the statement reads: UPDATE itself, or SELECT of INSERT."""
    found: exp.Expr = tree if isinstance(tree, exp.Update) else tree.expression
    return found


def _source(rows: exp.Expr) -> exp.Expr:
    """The table whose rows are divided into ranges."""
    found: exp.Expr = rows.this if isinstance(rows, exp.Update) else rows.args["from_"].this
    return found


def _parts(table: exp.Expr, engine: Engine) -> tuple[str, ...]:
    return tuple(name_of(part, engine) for part in table.parts) if isinstance(table, exp.Table) else ()


def _misfits(statement: Statement, tree: exp.Update | exp.Insert, engine: Engine) -> Iterator[str]:
    """Yield why a statement cannot run in batches."""
    rows = _rows(tree)
    if isinstance(tree, exp.Insert) and not isinstance(rows, exp.Select):
        yield _KINDS
        return
    places = _PLACE.findall(statement.text)
    others = {one.name for one in tree.find_all(exp.Placeholder)} - {"first", "last"}
    if not places:
        yield f"the statement has no range of keys: add {EXAMPLE}, with the primary key in place of id"
    elif places != ["first", "last"]:
        yield f"write :first and :last exactly once, as in {EXAMPLE}, and do not write them in comments and texts"
    elif others:
        yield f":{min(others)} is unknown: only :first and :last have values"
    elif next(_ranges(rows, engine), None) is None:
        yield (
            f"the range must hold for each row: write {EXAMPLE}, and join other conditions with AND. If the query has"
            " several tables, name the first table before the key"
        )
    else:
        yield from _update(tree, engine) if isinstance(tree, exp.Update) else _insert(tree, engine)
        names = (*_parts(_source(rows), engine), next(_ranges(rows, engine)).this.name)
        if any(name not in statement.text and name not in statement.text.lower() for name in names):
            yield "the name of the table or of the key has special characters: this is not supported"


def _ranges(rows: exp.Expr, engine: Engine) -> Iterator[exp.Expr]:
    """Yield the conditions ``key BETWEEN :first AND :last`` that hold for all rows of the statement."""
    where, source = rows.args.get("where"), rows.this if isinstance(rows, exp.Update) else rows.args.get("from_")
    if where is None or source is None:
        return
    table = source.this if isinstance(source, exp.From) else source
    if not isinstance(table, exp.Table):
        return
    names = {table.alias_or_name} if rows.args.get("joins") else {table.alias_or_name, ""}
    for one in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        if not isinstance(one, exp.Between) or not only(one, "this", "low", "high"):
            continue
        bounds = [one.args["low"], one.args["high"]]
        if (
            isinstance(one.this, exp.Column)
            and one.this.table in names
            and all(isinstance(bound, exp.Placeholder) for bound in bounds)
            and [bound.name for bound in bounds] == ["first", "last"]
        ):
            yield one


def _update(tree: exp.Update, engine: Engine) -> Iterator[str]:
    if not only(tree, "this", "expressions", "where") or not only(tree.this, "this", "db", "alias"):
        yield _ONE_TABLE
    key = name_of(next(_ranges(tree, engine)).this.this, engine)
    written = {name_of(one.this.this, engine) for one in tree.expressions if isinstance(one.this, exp.Column)}
    if key in written:
        yield f"the statement changes the key {key}: a row could be in two ranges"


def _insert(tree: exp.Insert, engine: Engine) -> Iterator[str]:
    select = tree.expression
    if not isinstance(tree.this, exp.Schema) or not isinstance(tree.this.this, exp.Table):
        yield "name the columns of INSERT"
        return
    if not only(tree, "this", "expression", "conflict", "ignore"):
        yield "write INSERT INTO ... SELECT without WITH, REPLACE and RETURNING"
    if _parts(tree.this.this, engine)[-1:] == _parts(_source(select), engine)[-1:]:
        yield "INSERT must not read the table that it fills: a new row could be in a later range"
    wide = [word for name, word in _SPLITS.items() if select.args.get(name)]
    if wide:
        yield f"leave out {wide[0]}: the result would depend on how the rows are divided into batches"
    yield from _outer(select)
    yield from _grouped(select, engine)
    yield from _conflict(tree, engine)


def _outer(select: exp.Select) -> Iterator[str]:
    for join in select.args.get("joins") or ():
        if join.side in ("RIGHT", "FULL"):
            yield f"leave out {join.side} JOIN: rows without a partner belong to no range"


def _grouped(select: exp.Select, engine: Engine) -> Iterator[str]:
    key = next(_ranges(select, engine)).this
    found = [
        one
        for column in select.expressions
        for one in column.find_all(exp.Window, exp.AggFunc)
        if one.find_ancestor(exp.Select) is select
    ]
    if any(isinstance(one, exp.Window) for one in found):
        yield "leave out window functions: the result would depend on how the rows are divided into batches"
    group = select.args.get("group")
    grouped = found or group is not None
    by = group.expressions if group is not None else []
    if grouped and not any(isinstance(one, exp.Column) and one.name == key.name for one in by):
        yield f"add {key.sql()} to GROUP BY: otherwise a group could have rows of two ranges"


def _conflict(tree: exp.Insert, engine: Engine) -> Iterator[str]:
    """Yield advice if INSERT fails at a row that is there already, changes such a row, or hides other errors."""
    conflict = tree.args.get("conflict")
    if engine is Engine.POSTGRES:
        if conflict is None or str(conflict.args.get("action")).upper() != "DO NOTHING":
            yield "add ON CONFLICT DO NOTHING: a row may be there already"
        return
    name = _parts(tree.this.this, engine)[-1]
    advice = f"ON DUPLICATE KEY UPDATE {name}.{name_of(tree.this.expressions[0], engine)} = "
    advice += advice.split()[-2]
    if tree.args.get("ignore"):
        yield f"IGNORE would also store values that do not fit: leave out IGNORE, and add {advice}"
    elif conflict is None or not keeps(conflict):
        yield f"add {advice}: a row may be there already, and must stay as it is"


def keeps(conflict: exp.OnConflict) -> bool:
    """Whether ``ON DUPLICATE KEY UPDATE`` only sets columns to their own values."""
    pairs = conflict.expressions
    return bool(pairs) and all(
        isinstance(one, exp.EQ) and isinstance(one.this, exp.Column) and one.this == one.expression for one in pairs
    )

"""Judges the definitions of new columns and of keys."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from orchestrator.database.findings import Problem
from orchestrator.database.model import Engine
from orchestrator.database.state import State
from orchestrator.database.syntax import builtin, constant, constraints, name_of, now, null, only, serial, suits

_HARMLESS = (
    *(exp.CollateColumnConstraint, exp.CharacterSetColumnConstraint, exp.CommentColumnConstraint),
    *(exp.InvisibleColumnConstraint, exp.ZeroFillColumnConstraint),
)
_REFUSED: dict[type[exp.Expr], str] = {
    exp.GeneratedAsIdentityColumnConstraint: "rewrite",
    exp.AutoIncrementColumnConstraint: "rewrite",
    exp.ComputedColumnConstraint: "rewrite",
    exp.UniqueColumnConstraint: "unique",
    exp.PrimaryKeyColumnConstraint: "unique",
    exp.CheckColumnConstraint: "check",
    exp.Reference: "foreign-key",
}


def added(column: exp.ColumnDef, table: str, state: State) -> Iterator[Problem]:
    """Judge a new column of an existing table, into which the old code writes rows."""
    name = f"column {table}.{name_of(column.this, state.engine)}"
    kind = column.args.get("kind")
    if not only(column, "this", "kind", "constraints", "exists", "position"):
        yield Problem("not-recognised", name)
    if serial(kind):
        yield Problem("rewrite", name)
    elif not builtin(kind, state.engine, frozenset(state.types)):
        yield Problem("unknown-type", name)
    kinds = list(constraints(column))
    for one in kinds:
        if isinstance(one, exp.DefaultColumnConstraint) and not suits(one.this, kind, state.engine):
            yield Problem("set-default", name)
    required = any(isinstance(one, exp.NotNullColumnConstraint) and not one.args.get("allow_null") for one in kinds)
    filled = any(isinstance(one, exp.DefaultColumnConstraint) and not null(one.this) for one in kinds)
    for one in kinds:
        yield from _constraint(one, name, state, filled)
    if required and not filled:
        yield Problem("required-column", name)


def _constraint(one: exp.Expr, name: str, state: State, filled: bool) -> Iterator[Problem]:
    if isinstance(one, exp.Reference) and state.postgres and not filled:
        # in a column that is NULL in all rows, PostgreSQL has nothing to check
        yield from new_reference(one, state)
    elif type(one) in _REFUSED:
        if not (isinstance(one, exp.ComputedColumnConstraint) and _virtual(one, state)):
            yield Problem(_REFUSED[type(one)], name)
    elif isinstance(one, exp.DefaultColumnConstraint):
        if not _computed_once(one.this, state):
            yield Problem("rewrite", name)
    elif not _harmless(one):
        yield Problem("not-recognised", name)


def _harmless(one: exp.Expr) -> bool:
    if isinstance(one, exp.OnUpdateColumnConstraint):
        return now(one.this)
    return isinstance(one, _HARMLESS) or (isinstance(one, exp.NotNullColumnConstraint) and only(one, "allow_null"))


def _virtual(one: exp.ComputedColumnConstraint, state: State) -> bool:
    """Whether MariaDB computes a column only when a query reads it. MySQL may compute it at each write."""
    known = (exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Add, exp.Sub, exp.Mul)
    expression = one.this if isinstance(one.this, exp.Expression) else None
    if state.engine is not Engine.MARIADB or not only(one, "this") or expression is None:
        return False
    return all(isinstance(part, known) for part in expression.walk())


def _computed_once(node: object, state: State) -> bool:
    """Whether a default has the same value for all rows, so that the server need not write the rows.

    In MySQL, a default in brackets is an expression, for which MySQL may copy the table, even for ``DEFAULT (0)``.
    """
    if state.engine is Engine.MYSQL and isinstance(node, exp.Paren):
        return False
    return constant(node) or now(node) or null(node) or (state.postgres and isinstance(node, exp.CurrentUser))


def new_table(schema: exp.Schema, table: str, state: State) -> Iterator[Problem]:
    """Judge the columns and keys of a new table. Only a part that reaches other tables can harm the old code."""
    for part in schema.expressions:
        for reference in part.find_all(exp.Reference):
            yield from new_reference(reference, state, table)
        if not isinstance(part, _NEW):
            yield Problem("not-recognised", part.sql(dialect=state.engine.dialect)[:80])


_NEW = (
    *(exp.ColumnDef, exp.Constraint, exp.ForeignKey, exp.PrimaryKey, exp.UniqueColumnConstraint),
    *(exp.CheckColumnConstraint, exp.IndexColumnConstraint, exp.LikeProperty),
)


def new_reference(reference: exp.Reference, state: State, table: str = "") -> Iterator[Problem]:
    """Judge a foreign key of a new table: the old code must still be able to delete the rows to which the key refers.

    + table: name of the new table; empty if the key belongs to a new column of an existing table
    """
    target = name_of(reference.this, state.engine)
    options = " ".join(map(str, reference.args.get("options") or ())).upper()
    if state.contract or (target in state.created and target not in state.cascading):
        return
    if table and "ON DELETE CASCADE" in options:
        state.cascading.add(table)
    if "ON DELETE CASCADE" not in options and "ON DELETE SET NULL" not in options:
        yield Problem("foreign-key", f"table {target}")

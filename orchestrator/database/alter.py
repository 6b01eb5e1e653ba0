"""Judges the actions of ALTER TABLE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from orchestrator.database.columns import added, new_reference
from orchestrator.database.findings import Problem
from orchestrator.database.state import State, unless_contract
from orchestrator.database.syntax import computed, constant, fits, name_of, now, null, only, plain_columns, tests_null

_QUICK = {"INSTANT", "NOCOPY", "INPLACE", "DEFAULT"}
_OPTIONS = (
    *(exp.SchemaCommentProperty, exp.ToTableProperty, exp.AutoIncrementProperty),
    *(exp.CharacterSetProperty, exp.CollateProperty),
)
_STORAGE = ("fillfactor", "autovacuum_", "toast.autovacuum_", "parallel_workers")
_DROPPED = {
    "COLUMN": "drop-column",
    "INDEX": "drop-index",
    "CONSTRAINT": "drop-constraint",
    "FOREIGN KEY": "drop-constraint",
    "CHECK": "drop-constraint",
}


def judge(node: exp.Alter, state: State) -> Iterator[Problem]:
    """Judge ALTER TABLE with all of its actions."""
    table = name_of(node.this, state.engine)
    parts = ("this", "kind", "actions", "options", "exists", "only", "not_valid", "cascade")
    if node.kind != "TABLE" or not table or not only(node, *parts):
        yield Problem("not-recognised", table)
        return
    if node.args.get("cascade"):
        yield Problem("cascade", f"table {table}")
    if table in state.created:
        yield from _own(node, table, state)
        return
    for action in node.actions:
        yield from _action(action, table, state, bool(node.args.get("not_valid")))
    for option in node.args.get("options") or ():
        yield from _option(option, table)
    if not node.actions and not node.args.get("options"):
        yield Problem("not-recognised", f"table {table}")
    state.altered.add(table)


def added_in_brackets(table: str, columns: exp.Schema, state: State) -> Iterator[Problem]:
    """Judge a list of new columns."""
    for one in columns.expressions:
        if isinstance(one, exp.ColumnDef):
            yield from added(one, table, state)
        else:
            yield Problem("not-recognised", f"table {table}")


def _own(node: exp.Alter, table: str, state: State) -> Iterator[Problem]:
    """Judge a change of a table that this file has created. Only a foreign key can reach other tables."""
    state.own = True
    for reference in node.find_all(exp.Reference):
        yield from new_reference(reference, state, table)
    if any(isinstance(action, exp.AlterRename) for action in node.actions):
        state.created.discard(table)


def _action(action: exp.Expr, table: str, state: State, not_valid: bool) -> Iterator[Problem]:
    if isinstance(action, exp.AddConstraint):
        for one in action.expressions:
            yield from _added(one, table, state, not_valid)
        return
    judged = _ACTIONS.get(type(action))
    if judged is None:
        yield Problem("not-recognised", f"table {table}")
    else:
        yield from judged(action, table, state)


def _column(action: exp.ColumnDef, table: str, state: State) -> Iterator[Problem]:
    yield from added(action, table, state)
    if not action.args.get("exists"):
        state.added[table, name_of(action.this, state.engine)] = action.args.get("kind")


def _alter_column(action: exp.AlterColumn, table: str, state: State) -> Iterator[Problem]:
    column = name_of(action.this, state.engine)
    name = f"column {table}.{column}"
    given = action.args
    if given.get("rename_to"):
        yield Problem("rename-column", name)
    elif given.get("dtype"):
        yield Problem("type-change", name)
    elif not only(action, "this", "default", "drop", "allow_null", "exists") or given.get("exists"):
        yield Problem("not-recognised", name)
    elif given.get("default") is not None:
        state.note("relax", table, column)
        yield from _default(given["default"], table, column, state)
    elif given.get("drop"):
        if given.get("allow_null"):
            state.note("relax", table, column)
        else:
            yield from unless_contract(state, "drop-default", name)
    elif not (state.contract and (table, column) in state.validated):
        yield Problem("set-not-null", name)


def _default(value: exp.Expr, table: str, column: str, state: State) -> Iterator[Problem]:
    name = f"column {table}.{column}"
    inner = value.unnest()
    if null(value):
        yield Problem("drop-default", name)
    elif not (constant(inner) or now(inner) or isinstance(inner, exp.Uuid)):
        yield Problem("set-default" if computed(inner) else "not-recognised", name)
    elif not fits(value, state.added.get((table, column)), state.engine):
        yield Problem("set-default", name)


def _modify(action: exp.ModifyColumn, table: str, state: State) -> Iterator[Problem]:
    renamed = action.args.get("rename_from")
    column = action.this.this if isinstance(action.this, exp.ColumnDef) else action.this
    name = f"column {table}.{name_of(renamed or column, state.engine)}"
    if renamed and name_of(renamed, state.engine).lower() != name_of(column, state.engine).lower():
        yield Problem("rename-column", name)
    elif _relaxes(action, state):
        state.note("relax", table, name_of(column, state.engine))
    else:
        yield Problem("modify", name)


def _relaxes(action: exp.ModifyColumn, state: State) -> bool:
    """Whether MODIFY only makes a column nullable, and the server itself makes sure that no table is copied."""
    options = {type(one): str(one.name).upper() for one in (action.parent or action).args.get("options") or ()}
    guarded = options.get(exp.LockProperty) == "NONE" and options.get(exp.AlgorithmProperty, "COPY") in _QUICK
    nullable = [one for one in action.find_all(exp.NotNullColumnConstraint) if one.args.get("allow_null")]
    return state.contract and guarded and bool(nullable)


def _drop(action: exp.Drop, table: str, state: State) -> Iterator[Problem]:
    rule = _DROPPED.get(str(action.args.get("kind")), "not-recognised")
    names = ", ".join(name_of(one, state.engine) for one in action.args.get("tables") or ())
    name = f"column {table}.{names}" if rule == "drop-column" else f"{names} of table {table}"
    if rule == "drop-column":
        for one in action.args.get("tables") or ():
            state.note("column", table, name_of(one, state.engine))
    if action.args.get("cascade"):
        yield Problem("cascade", name)
    if rule == "not-recognised" or not only(action, "tables", "kind", "exists", "cascade"):
        yield Problem("not-recognised", name)
    else:
        yield from unless_contract(state, rule, name)


def _rename_column(action: exp.RenameColumn, table: str, state: State) -> Iterator[Problem]:
    yield Problem("rename-column", f"column {table}.{name_of(action.this, state.engine)}")


def _rename(action: exp.AlterRename, table: str, state: State) -> Iterator[Problem]:
    node = action.parent
    if node is not None and any(isinstance(one, exp.ToTableProperty) for one in node.args.get("options") or ()):
        # PostgreSQL's ALTER TABLE t RENAME a TO b, without the word COLUMN
        yield Problem("rename-column", f"column {table}.{name_of(action.this, state.engine)}")
    else:
        yield Problem("rename-table", f"table {table}")


def _rename_index(action: exp.RenameIndex, table: str, state: State) -> Iterator[Problem]:
    yield from unless_contract(state, "rename-index", f"{name_of(action.this, state.engine)} of table {table}")


def _drop_key(_: exp.DropPrimaryKey, table: str, __: State) -> Iterator[Problem]:
    yield Problem("modify", f"primary key of table {table}")


def _set(action: exp.AlterSet, table: str, _: State) -> Iterator[Problem]:
    names = [one.this.sql().lower() for one in action.expressions if isinstance(one, exp.EQ)]
    quick = len(names) == len(action.expressions) > 0 and all(name.startswith(_STORAGE) for name in names)
    if not quick or not only(action, "expressions"):
        yield Problem("maintenance", f"table {table}")


_ACTIONS: dict[type[exp.Expr], Callable[[Any, str, State], Iterator[Problem]]] = {
    exp.ColumnDef: _column,
    exp.AlterColumn: _alter_column,
    exp.ModifyColumn: _modify,
    exp.Drop: _drop,
    exp.RenameColumn: _rename_column,
    exp.AlterRename: _rename,
    exp.RenameIndex: _rename_index,
    exp.DropPrimaryKey: _drop_key,
    exp.AlterSet: _set,
}


def _added(one: exp.Expr, table: str, state: State, not_valid: bool) -> Iterator[Problem]:
    """Judge a new index or constraint of a table with rows."""
    named = isinstance(one, exp.Constraint)
    inner = one.expressions[0] if named and len(one.expressions) == 1 else one
    name = f"table {table}"
    if isinstance(inner, exp.IndexColumnConstraint):
        yield from _index(inner, name, state)
    elif isinstance(inner, exp.UniqueColumnConstraint | exp.PrimaryKey):
        if state.postgres or not state.contract or isinstance(inner, exp.PrimaryKey):
            yield Problem("unique", name)
    elif isinstance(inner, exp.ForeignKey | exp.CheckColumnConstraint):
        if not (state.contract and state.postgres and not_valid):
            yield Problem("check" if isinstance(inner, exp.CheckColumnConstraint) else "foreign-key", name)
        elif named and isinstance(inner, exp.CheckColumnConstraint):
            _remember(one, inner, table, state)
    else:
        yield Problem("not-recognised", name)


def _remember(one: exp.Expr, check: exp.CheckColumnConstraint, table: str, state: State) -> None:
    """Note a CHECK (column IS NOT NULL), after which SET NOT NULL need not read the rows again."""
    column = tests_null(check.this.unnest(), negate=True)
    if column is not None:
        state.checked[table, name_of(one.this, state.engine)] = name_of(column, state.engine)


def _index(one: exp.IndexColumnConstraint, name: str, state: State) -> Iterator[Problem]:
    if state.postgres or not only(one, "this", "expressions", "kind", "index_type", "options"):
        yield Problem("not-recognised", name)
    elif one.args.get("kind"):
        yield Problem("index-lock", name)
    elif not plain_columns(one.expressions):
        yield Problem("index-expression", name)


def _option(option: exp.Expr, table: str) -> Iterator[Problem]:
    said = str(option.name).upper()
    if isinstance(option, exp.AlgorithmProperty):
        if said not in _QUICK:
            yield Problem("lock", f"table {table}")
    elif isinstance(option, exp.LockProperty):
        if said not in ("NONE", "DEFAULT"):
            yield Problem("lock", f"table {table}")
    elif not isinstance(option, _OPTIONS):
        yield Problem("maintenance", f"table {table}")

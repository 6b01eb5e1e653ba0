"""Judges CREATE and DROP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from orchestrator.database.columns import new_table
from orchestrator.database.findings import Problem
from orchestrator.database.state import State, unless_contract
from orchestrator.database.syntax import name_of, only, only_reads, plain_columns, simple_condition

_TABLE = (
    *(exp.EngineProperty, exp.CharacterSetProperty, exp.CollateProperty, exp.SchemaCommentProperty, exp.LikeProperty),
    *(exp.RowFormatProperty, exp.AutoIncrementProperty, exp.UnloggedProperty, exp.PartitionedByProperty),
    exp.TemporaryProperty,
)
_REFUSED = {"TRIGGER": "trigger", "FUNCTION": "hidden-code", "PROCEDURE": "hidden-code"}
_VIEW = (exp.AlgorithmProperty, exp.DefinerProperty, exp.SqlSecurityProperty)


def judge(node: exp.Create, state: State) -> Iterator[Problem]:
    """Judge CREATE."""
    state.own = True
    judged = _KINDS.get(str(node.kind).upper())
    name = f"{str(node.kind).lower()} {name_of(node.this, state.engine)}".strip()
    if judged is None:
        yield Problem(_REFUSED.get(str(node.kind).upper(), "not-recognised"), name)
    elif node.args.get("replace"):
        yield Problem("view" if node.kind == "VIEW" else "drop-table" if node.kind == "TABLE" else "drop-object", name)
    else:
        yield from judged(node, name, state)


def _table(node: exp.Create, name: str, state: State) -> Iterator[Problem]:
    kinds = {type(one) for one in _properties(node)}
    if exp.PartitionedOfProperty in kinds or exp.InheritsProperty in kinds:
        yield Problem("partition", name)
        return
    if node.expression is not None:
        yield from _filled(node, name, state)
        return
    if kinds - set(_TABLE) or not only(node, "this", "kind", "exists", "properties"):
        yield Problem("not-recognised", name)
        return
    if isinstance(node.this, exp.Schema):
        yield from new_table(node.this, name_of(node.this, state.engine), state)
    if not node.args.get("exists") and exp.TemporaryProperty not in kinds:
        state.created.add(name_of(node.this, state.engine))


def _filled(node: exp.Create, name: str, state: State) -> Iterator[Problem]:
    """Judge a new table or view that a query fills. MariaDB and MySQL lock the rows that the query reads."""
    if not state.postgres or not only(node, "this", "kind", "expression", "properties"):
        yield Problem("bulk-write", name)
    elif not only_reads(node.expression):
        yield Problem("query", name)
    elif state.in_transaction and state.altered:
        yield Problem("transaction", name)
    elif not _properties(node):
        state.created.add(name_of(node.this, state.engine))


def _properties(node: exp.Create) -> list[exp.Expr]:
    properties = node.args.get("properties")
    return list(properties.expressions) if properties else []


def _index(node: exp.Create, name: str, state: State) -> Iterator[Problem]:
    index = node.this
    table = name_of(index.args.get("table"), state.engine)
    name = f"index {name_of(index.this, state.engine)} of table {table}".replace("  ", " ")
    if table in state.created:
        return
    state.own = False
    if not only(node, "this", "kind", "unique", "exists", "concurrently") or not only(index, "this", "table", "params"):
        yield Problem("not-recognised", name)
        return
    concurrently = node.args.get("concurrently")
    if state.postgres and not concurrently:
        yield Problem("index-lock", name)
    if concurrently and state.in_transaction:
        yield Problem("transaction", name)
    if node.args.get("unique"):
        yield from unless_contract(state, "unique", name)
    yield from _parameters(index.args["params"], name)


def _parameters(params: exp.Expr, name: str) -> Iterator[Problem]:
    where = params.args.get("where")
    if not only(params, "columns", "using", "where", "include", "with_storage"):
        yield Problem("not-recognised", name)
    elif not plain_columns(params.args.get("columns") or []) or (where and not simple_condition(where)):
        yield Problem("index-expression", name)


def _view(node: exp.Create, name: str, state: State) -> Iterator[Problem]:
    kinds = {type(one) for one in _properties(node)}
    if kinds == {exp.MaterializedProperty}:
        yield from _filled(node, name, state)
    elif kinds - set(_VIEW) or not only(node, "this", "kind", "expression", "properties"):
        yield Problem("not-recognised", name)
    elif not only_reads(node.expression):
        yield Problem("query", name)


def _type(node: exp.Create, name: str, state: State) -> Iterator[Problem]:
    if not only(node, "this", "kind", "expression"):
        yield Problem("not-recognised", name)
    elif isinstance(node.expression, exp.DataType):
        state.types.add(name_of(node.this, state.engine))


def _simple(node: exp.Create, name: str, state: State) -> Iterator[Problem]:
    allowed = () if node.kind == "DATABASE" and state.postgres else _SIMPLE
    known = all(isinstance(one, allowed) for one in _properties(node))
    if not known or not only(node, "this", "kind", "exists", "properties"):
        yield Problem("not-recognised", name)


_SIMPLE = (exp.SequenceProperties, exp.CharacterSetProperty, exp.CollateProperty)
_KINDS: dict[str, Callable[[exp.Create, str, State], Iterator[Problem]]] = {
    "TABLE": _table,
    "INDEX": _index,
    "VIEW": _view,
    "TYPE": _type,
    "SEQUENCE": _simple,
    "SCHEMA": _simple,
    "DATABASE": _simple,
}


def drop(node: exp.Drop, state: State) -> Iterator[Problem]:
    """Judge DROP. A table that this file has created may be dropped again."""
    kind = str(node.args.get("kind")).upper()
    names = [name_of(one, state.engine) for one in node.args.get("tables") or ()]
    name = f"{kind.lower()} {', '.join(names)}"
    if kind == "TRIGGER":
        on = node.args.get("cluster")
        state.note("trigger", name_of(on.this, state.engine) if on else "")
    if node.args.get("cascade"):
        yield Problem("cascade", name)
    if kind == "TABLE" and names and set(names) <= state.created:
        state.created.difference_update(names)
        state.own = True
    elif kind not in ("TABLE", "INDEX", "VIEW", "TRIGGER", "FUNCTION", "SEQUENCE", "TYPE"):
        yield Problem("not-recognised", name)
    elif kind == "INDEX" and state.postgres and not node.args.get("concurrently"):
        yield Problem("drop-index", name)
    else:
        rule = {"TABLE": "drop-table", "INDEX": "drop-index"}.get(kind, "drop-object")
        yield from unless_contract(state, rule, name)

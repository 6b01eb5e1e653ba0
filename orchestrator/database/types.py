"""Knowledge about the texts in a catalog: types, expressions and views."""

from __future__ import annotations

import re

from sqlglot import exp

from orchestrator.database.model import Engine
from orchestrator.database.syntax import only, parse, plain_columns, simple_condition

_FAMILIES = (
    ("tinyint", "smallint", "mediumint", "int", "bigint"),
    ("tinytext", "text", "mediumtext", "longtext"),
    ("tinyblob", "blob", "mediumblob", "longblob"),
)
_LIST = re.compile(r"(enum|set)\((.*)\)", re.IGNORECASE | re.DOTALL)
_VALUE = re.compile(r"'(?:[^']|'')*'")
_LONG = re.compile(r"(varchar|varbinary)\((\d+)\)", re.IGNORECASE)
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)( unsigned)?", re.IGNORECASE)


def wider(old: str, now: str) -> bool:
    """Whether a column of MariaDB or MySQL can change its type so that all values stay and queries read the same texts.

    + old, now: types as the server prints them, such as ``int(11) unsigned``
    """
    lists = _LIST.fullmatch(old), _LIST.fullmatch(now)
    if lists[0] and lists[1] and lists[0][1].lower() == lists[1][1].lower():
        values = _VALUE.findall(lists[0][2]), _VALUE.findall(lists[1][2])
        return bool(values[1][: len(values[0])] == values[0])
    long = _LONG.fullmatch(old), _LONG.fullmatch(now)
    if long[0] and long[1]:
        return long[0][1].lower() == long[1][1].lower() and int(long[0][2]) <= int(long[1][2])
    decimals = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(now)
    if decimals[0] and decimals[1]:
        same = decimals[0][2] == decimals[1][2] and decimals[0][3] == decimals[1][3]
        return same and int(decimals[0][1]) <= int(decimals[1][1])
    return _in_family(old, now)


def _in_family(old: str, now: str) -> bool:
    words = [re.sub(r"\(\d+\)", "", one.lower()).split() for one in (old, now)]
    if not all(words) or words[0][1:] != words[1][1:]:
        return False
    return any(
        words[0][0] in family and words[1][0] in family and family.index(words[0][0]) <= family.index(words[1][0])
        for family in _FAMILIES
    )


def computes_safely(generated: str, engine: Engine) -> bool:
    """Whether a generated column is computed only when a query reads it, and only from sums and products.

    + generated: the expression with ``STORED`` or ``VIRTUAL`` behind it
    """
    expression, _, kind = generated.rpartition(" ")
    tree = parse(f"SELECT {expression}", engine) if engine is Engine.MARIADB and kind == "VIRTUAL" else None
    if not isinstance(tree, exp.Select) or not only(tree, "expressions"):
        return False
    known = (exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Add, exp.Sub, exp.Mul)
    return all(isinstance(part, known) for one in tree.expressions for part in one.walk())


def indexes_safely(definition: str, engine: Engine) -> bool:
    """Whether an index has only columns that the server need not compute, so that no write fails because of the index.

    MariaDB has no indexes on expressions.

    + definition: the whole definition except the name, such as ``CREATE INDEX ON t USING btree (a) WHERE (b > 5)``
    """
    if engine is not Engine.POSTGRES:
        return True
    tree = parse(definition, engine)
    params = tree.this.args.get("params") if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Index) else None
    if params is None:
        return False
    params = params.transform(_without_cast)
    where = params.args.get("where")
    return plain_columns(params.args.get("columns") or []) and (where is None or simple_condition(where))


def _without_cast(node: exp.Expr) -> exp.Expr:
    """A constant or a text without the type that PostgreSQL prints behind it."""
    if not isinstance(node, exp.Cast) or type(node) is not exp.Cast:
        return node
    inner = node.this.unnest()
    text = node.to.this in (exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.BPCHAR) and not node.to.expressions
    return inner if isinstance(inner, exp.Literal) or (text and isinstance(inner, exp.Column)) else node


def only_adds_columns(old: str, now: str) -> bool:
    """Whether the query of a view is the same query as before, with more plain columns.

    + old, now: definitions as the server prints them. MariaDB and PostgreSQL print definitions that both dialects parse
    """
    if old == now:
        return True
    for engine in (Engine.POSTGRES, Engine.MARIADB):
        trees = parse(old, engine), parse(now, engine)
        if all(isinstance(one, exp.Select) for one in trees):
            break
    before, after = trees
    if not isinstance(before, exp.Select) or not isinstance(after, exp.Select):
        return False
    if before.args.get("distinct") or before.args.get("group") or before.args.get("with_"):
        return False
    kept = {one.sql() for one in after.expressions}
    added = [one for one in after.expressions if one.sql() not in {each.sql() for each in before.expressions}]
    if not all(one.sql() in kept for one in before.expressions) or not all(map(_plain, added)):
        return False
    rest = before.copy(), after.copy()
    for one in rest:
        one.set("expressions", [])
    return rest[0] == rest[1]


def _plain(node: exp.Expr) -> bool:
    return isinstance(node.unalias() if isinstance(node, exp.Alias) else node, exp.Column)

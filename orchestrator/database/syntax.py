"""Recognize the parts of a parsed statement: names, constants, types, indexes, conditions."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from orchestrator.database.model import Engine

LONGEST = 200_000
"""Characters of the longest statement that is parsed. A longer statement is refused."""

_T = exp.DType
_ANYWHERE = {
    *(_T.BIGINT, _T.INT, _T.SMALLINT, _T.DECIMAL, _T.DOUBLE, _T.FLOAT, _T.BOOLEAN, _T.BIT, _T.CHAR, _T.VARCHAR),
    *(_T.TEXT, _T.DATE, _T.TIME, _T.JSON, _T.UUID, _T.BINARY, _T.VARBINARY, _T.INET),
}
_TYPES = {
    "postgres": _ANYWHERE
    | {
        *(_T.TIMETZ, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.INTERVAL, _T.JSONB, _T.BPCHAR, _T.MONEY, _T.XML, _T.ARRAY),
        *(_T.DATERANGE, _T.INT4RANGE, _T.INT8RANGE, _T.NUMRANGE, _T.TSRANGE, _T.TSTZRANGE),
    },
    "mysql": _ANYWHERE
    | {
        *(_T.TINYINT, _T.MEDIUMINT, _T.UBIGINT, _T.UINT, _T.USMALLINT, _T.UTINYINT, _T.UMEDIUMINT, _T.UDECIMAL),
        *(_T.TINYTEXT, _T.MEDIUMTEXT, _T.LONGTEXT, _T.TINYBLOB, _T.BLOB, _T.MEDIUMBLOB, _T.LONGBLOB, _T.ENUM, _T.SET),
        *(_T.DATETIME, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.YEAR),
    },
}
_SERIAL = {_T.SERIAL, _T.BIGSERIAL, _T.SMALLSERIAL}
_NOW = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtimestamp)
_READS = (
    *(exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.Coalesce, exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Abs),
    *(exp.Cast, exp.Case, exp.If, exp.Exists, exp.And, exp.Or, *_NOW),
)
"""Functions that only compute a value. In sqlglot, AND, OR and EXISTS are also functions."""


def parse(text: str, engine: Engine) -> exp.Expr | None:
    """Parse one statement without comments. Return None if the text is not one statement that sqlglot can parse."""
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # otherwise sqlglot logs warnings
    # sqlglot would read {# ... #}, {{ ... }} and {% ... %} as signs of a template: such a text is not parsed
    if len(text) > LONGEST or "\0" in text or re.search(r"\{[^}]", text):
        return None
    try:
        trees = sqlglot.parse(text, dialect=engine.dialect, error_level=ErrorLevel.RAISE)
    except Exception:  # noqa: BLE001 (whatever fails in the parser, the statement is refused)
        return None
    return trees[0] if len(trees) == 1 else None


def only(node: exp.Expr, *names: str) -> bool:
    """Whether ``node`` has no parts other than ``names``.

    If a statement has a part that the caller does not know, the caller must refuse the statement.
    """
    return all(name in names for name, value in node.args.items() if value not in (None, False, "", []))


def name_of(node: object, engine: Engine) -> str:
    """The name of a table or column as the server reads it, such as ``public.orders``; empty if there is none."""
    if isinstance(node, exp.Schema):
        return name_of(node.this, engine)
    if isinstance(node, exp.Identifier):
        return node.name if node.args.get("quoted") or engine is not Engine.POSTGRES else node.name.lower()
    if isinstance(node, exp.Table | exp.Column):
        return ".".join(name for name in (name_of(part, engine) for part in node.parts) if name)
    return ""


def constant(node: object) -> bool:
    """Whether ``node`` is a value that the server knows when it parses the statement, but not NULL."""
    if isinstance(node, exp.Neg | exp.Paren):
        return only(node, "this") and constant(node.this)
    if isinstance(node, exp.Cast):
        return type(node) is exp.Cast and only(node, "this", "to") and constant(node.this)
    if isinstance(node, exp.Array):
        return only(node, "expressions", "bracket_notation") and all(map(constant, node.expressions))
    if isinstance(node, exp.Interval):
        return constant(node.this)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul):
        return only(node, "this", "expression") and constant(node.this) and constant(node.expression)
    return isinstance(node, exp.Literal | exp.Boolean | exp.BitString | exp.HexString | exp.National)


def computed(node: exp.Expr) -> bool:
    """Whether ``node`` is computed from constants only. Then all rows get the same value, or fail alike."""
    parts = (exp.Literal, exp.Cast, exp.DataType, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Null)
    return all(isinstance(one, parts) for one in node.walk())


def now(node: object) -> bool:
    """Whether ``node`` is the time at which the statement or the transaction began, such as ``now()``."""
    if isinstance(node, _NOW):
        return node.this is None or isinstance(node.this, exp.Literal)
    if not isinstance(node, exp.Anonymous) or node.name.lower() != "now":
        return False
    return all(isinstance(one, exp.Literal) for one in node.expressions)


_TIMES = (_T.DATE, _T.TIME, _T.TIMETZ, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.DATETIME)
_LONG = (_T.TEXT, _T.MEDIUMTEXT, _T.LONGTEXT, _T.BLOB, _T.MEDIUMBLOB, _T.LONGBLOB)
_WHOLE = (_T.SMALLINT, _T.MEDIUMINT, _T.INT, _T.BIGINT, _T.DOUBLE)


def suits(node: exp.Expr, kind: object, engine: Engine) -> bool:
    """Whether the default of a new column is safe.

    A default is safe if it suits the type of the column, or if the server refuses a column with an unsuitable default.

    PostgreSQL computes a default when it adds the column. MariaDB does so only if the table has rows: otherwise it
    accepts the default and later refuses inserts. MariaDB checks plain constants at once, except JSON.
    """
    what = kind.this if isinstance(kind, exp.DataType) else None
    if engine is Engine.POSTGRES or what is None or null(node):
        return True
    inner = node.unnest() if isinstance(node, exp.Paren) else node
    if now(inner):
        return what in _TIMES
    if what is _T.JSON:
        return isinstance(inner, exp.Literal) and inner.name in ("{}", "[]")
    if not isinstance(node, exp.Paren):
        return True
    sums = isinstance(inner, exp.Add | exp.Sub | exp.Mul)
    short = len(inner.sql()) <= (7 if sums else 4)  # at most 99 * 99 or 9999
    return what in _LONG if isinstance(inner, exp.Literal) and inner.is_string else what in _WHOLE and short


def fits(node: exp.Expr, kind: object, engine: Engine) -> bool:
    """Whether a default certainly suits an existing column. The server may accept a default without a check.

    + kind: the type of the column; None if the type is not known
    """
    what = kind.this if isinstance(kind, exp.DataType) else None
    inner = node.unnest()
    if now(inner):
        return what in _TIMES
    if isinstance(inner, exp.Uuid):
        return what in (_T.UUID, *_LONG) or (isinstance(kind, exp.DataType) and _longest(kind) >= 36)
    if isinstance(inner, exp.Boolean):
        return True
    number = inner.this if isinstance(inner, exp.Neg) else inner
    if isinstance(number, exp.Literal) and not number.is_string:
        # MariaDB checks a number without brackets
        return len(number.name) <= 4 or (engine is not Engine.POSTGRES and inner is node)
    empty = engine is Engine.POSTGRES and isinstance(inner, exp.Literal) and not inner.name
    return empty or what in _LONG


def _longest(kind: exp.DataType) -> int:
    """The length of the type varchar(n) or char(n); 0 for other types."""
    said = kind.expressions[0].name if kind.this in (_T.VARCHAR, _T.CHAR) and kind.expressions else ""
    return int(said) if said.isdecimal() else 0


def null(node: object) -> bool:
    """Whether ``node`` is NULL."""
    if isinstance(node, exp.Paren | exp.Cast):
        return null(node.this)
    return isinstance(node, exp.Null)


def tests_null(node: object, negate: bool) -> exp.Expr | None:
    """The column of a condition ``column IS NULL``, or ``column IS NOT NULL`` with ``negate``; None for any other."""
    if not isinstance(node, exp.Is) or not isinstance(node.expression, exp.Null):
        return None
    column = node.this
    return column if bool(node.args.get("negate")) == negate and isinstance(column, exp.Column) else None


def serial(kind: object) -> bool:
    """Whether a type takes its values from a sequence."""
    return isinstance(kind, exp.DataType) and kind.this in _SERIAL


def builtin(kind: object, engine: Engine, types: frozenset[str]) -> bool:
    """Whether a type is one of the server's own, or an enum that the file has created.

    + types: names of the enums that the file has created
    """
    if not isinstance(kind, exp.DataType):
        return False
    if kind.this is _T.USERDEFINED:
        return str(kind.args.get("kind") or "").lower() in types
    inner = [one for one in kind.expressions if isinstance(one, exp.DataType)]
    return kind.this in _TYPES[engine.dialect] and all(builtin(one, engine, types) for one in inner)


def plain_columns(nodes: list[exp.Expr]) -> bool:
    """Whether all ``nodes`` are columns of an index, perhaps with a length, an order or an operator class."""
    return all(map(_plain, nodes))


def _plain(node: object) -> bool:
    if isinstance(node, exp.Ordered | exp.ColumnPrefix | exp.Opclass | exp.Collate):
        return _plain(node.this)
    if isinstance(node, exp.Lower | exp.Upper):
        return isinstance(node.this, exp.Column)
    return isinstance(node, exp.Column | exp.Identifier)


def simple_condition(node: exp.Expr) -> bool:
    """Whether a condition only compares columns with constants, so that the condition cannot fail for any row."""
    compare = (
        exp.EQ,
        exp.NEQ,
        exp.GT,
        exp.GTE,
        exp.LT,
        exp.LTE,
        exp.Is,
        exp.Not,
        exp.And,
        exp.Or,
        exp.Paren,
        exp.Where,
    )
    parts = (*compare, exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null)
    return all(isinstance(one, parts) for one in node.walk())


def only_reads(node: exp.Expr) -> bool:
    """Whether a query reads rows and does nothing else: no locks, no INTO, no functions but well-known ones."""
    for one in node.walk():
        if isinstance(one, exp.Func) and not isinstance(one, _READS):
            return False
        if isinstance(
            one, exp.Into | exp.Lock | exp.DML | exp.DDL | exp.Command | exp.Parameter | exp.SessionParameter
        ):
            return False
        if isinstance(one, exp.PropertyEQ | exp.Hint):
            return False
    return isinstance(node, exp.Select | exp.SetOperation)


def milliseconds(node: object) -> float | None:
    """A duration as PostgreSQL reads it, in milliseconds; None if it is unclear. A number has the unit millisecond."""
    if not isinstance(node, exp.Literal):
        return None
    said = re.fullmatch(r"\s*(\d+)\s*(ms|s|min)?\s*", node.name)
    return float(said[1]) * {"ms": 1, "s": 1_000, "min": 60_000}[said[2] or "ms"] if said else None


def constraints(column: exp.ColumnDef) -> Iterator[exp.Expr]:
    """The kinds of the constraints in the definition of a column."""
    for one in column.args.get("constraints") or ():
        yield one.args["kind"] if isinstance(one, exp.ColumnConstraint) and one.args.get("kind") else one

"""Finds out which objects of the catalog tell whether a server has carried out a statement. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp
from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.database.split import split
from orchestrator.database.syntax import name_of, parse


class Kind(StrEnum):
    """The kind of an object."""

    TABLE = "table"
    COLUMN = "column"
    INDEX = "index"


@dataclass(frozen=True)
class Trace:
    """An object that the catalog has, or no longer has, after a statement.

    + table: parts of the name of the table, such as ``("shop", "orders")``
    + name: name of the column or index; empty for a table
    + present: the statement creates the object. False: the statement drops the object
    """

    kind: Kind
    table: tuple[str, ...]
    name: str = ""
    present: bool = True

    @override
    def __str__(self) -> str:
        table = ".".join(self.table)
        if self.kind is Kind.TABLE:
            return f"table {table}"
        return f"column {table}.{self.name}" if self.kind is Kind.COLUMN else f"index {self.name} of the table {table}"


def traces(statement: str, engine: Engine) -> list[Trace]:
    """The objects that tell whether a statement was carried out; an empty list if the catalog cannot tell.

    + statement: the text of one statement
    """
    parts = [one for one in split(statement, engine) if one.text]
    if len(parts) != 1 or parts[0].unfinished or parts[0].executable:
        return []
    tree = parse(parts[0].clean, engine)
    if isinstance(tree, exp.Create):
        found = _create(tree, engine)
    elif isinstance(tree, exp.Alter) and isinstance(tree.this, exp.Table):
        found = [_action(one, _parts(tree.this, engine), engine) for one in tree.args.get("actions") or ()]
    else:
        found = []
    known = [one for one in found if one is not None]
    # the parser has read ``clean``, in which another name stands in place of a name with special characters
    names = [name for one in known for name in (*one.table, one.name)]
    if len(known) < len(found) or any(name not in statement and name not in statement.lower() for name in names):
        return []
    return known


def _create(tree: exp.Create, engine: Engine) -> list[Trace | None]:
    kind = str(tree.args.get("kind")).upper()
    if kind == "TABLE":
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        temporary = any(tree.find_all(exp.TemporaryProperty))
        return [Trace(Kind.TABLE, _parts(table, engine)) if isinstance(table, exp.Table) and not temporary else None]
    if kind == "INDEX" and isinstance(tree.this, exp.Index):
        table, name = tree.this.args.get("table"), tree.this.this
        if isinstance(table, exp.Table) and isinstance(name, exp.Identifier):
            return [Trace(Kind.INDEX, _parts(table, engine), name_of(name, engine))]
    return []


def _action(node: exp.Expr, table: tuple[str, ...], engine: Engine) -> Trace | None:
    """The trace of one action of ALTER TABLE; None if the catalog does not show whether it was done."""
    if isinstance(node, exp.ColumnDef):
        return Trace(Kind.COLUMN, table, name_of(node.this, engine))
    if isinstance(node, exp.Drop) and str(node.args.get("kind")).upper() == "COLUMN":
        columns = [one for one in node.args.get("tables") or () if isinstance(one, exp.Column)]
        return Trace(Kind.COLUMN, table, name_of(columns[0], engine), present=False) if len(columns) == 1 else None
    return None


def _parts(table: exp.Table, engine: Engine) -> tuple[str, ...]:
    return tuple(name_of(part, engine) for part in table.parts)

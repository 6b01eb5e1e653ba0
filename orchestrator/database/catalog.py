"""The schema of a database as plain values, which ``compare.py`` compares.

``orchestrator/engines/`` has a module for each engine that reads these values from a server. The names of tables and
other objects are quoted as the server prints them. In PostgreSQL, names have the schema in front, unless the schema is
``public``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from orchestrator.database.model import Engine


@dataclass(frozen=True)
class Column:
    """A column of a table.

    + type: the type as the server prints it, such as ``varchar(50)``, with all values of an enum of MariaDB
    + default: the expression of the default; None if an insert without the column stores NULL or fails
    + generated: the expression of a generated column, with STORED or VIRTUAL behind it
    + identity: ``ALWAYS`` or ``BY DEFAULT`` in PostgreSQL, ``AUTO_INCREMENT`` in MariaDB
    + collation: collation, in MariaDB with the character set; empty for the default of PostgreSQL
    + extra: other properties that change what a write stores, such as ``ON UPDATE current_timestamp()``
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    generated: str = ""
    identity: str = ""
    collation: str = ""
    extra: str = ""

    @property
    def required(self) -> bool:
        """Whether an insert that leaves the column out fails."""
        filled = self.default is not None or self.identity or self.generated
        return not self.nullable and not filled


@dataclass(frozen=True)
class Index:
    """An index.

    + columns: names of the columns, or expressions, in their order
    + definition: the whole definition except the name
    + primary: whether the index is the primary key
    + constraint: whether a constraint of the same name belongs to the index
    + exclusion: whether the constraint is an exclusion constraint
    + deferrable: whether the server may check the constraint at the end of the transaction. Such a constraint makes
      upserts fail
    + valid: whether queries may use the index. In PostgreSQL, an index that CONCURRENTLY did not complete is not valid.
      In MariaDB, an index with IGNORED is not valid
    """

    name: str
    columns: tuple[str, ...]
    definition: str
    unique: bool = False
    primary: bool = False
    constraint: bool = False
    exclusion: bool = False
    deferrable: bool = False
    valid: bool = True


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key. ``rest`` has MATCH and DEFERRABLE; ``enabled`` is false if its triggers are disabled."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    rest: str = ""
    valid: bool = True
    enabled: bool = True

    @property
    def restricts(self) -> bool:
        """Whether a delete of a row fails if another row refers to it."""
        return self.on_delete not in ("CASCADE", "SET NULL")


@dataclass(frozen=True)
class Check:
    """A check. ``valid`` is false for NOT VALID: the server has not checked the old rows."""

    name: str
    expression: str
    valid: bool = True


@dataclass(frozen=True)
class Named:
    """An object of which only the whole definition matters: a trigger, a policy, a rule, a domain, an event."""

    name: str
    definition: str


@dataclass(frozen=True)
class Table:
    """A table.

    + kind: ``table``, ``partitioned`` or ``foreign`` in PostgreSQL; in MariaDB, the storage engine
    + owner: the role that may change the table; empty in MariaDB
    + storage: ``unlogged`` or empty
    + partition_of: the parent and the bounds, such as ``events FOR VALUES IN (1)``, or the parents of INHERITS
    + partition_by: the key of a partitioned table
    + security: ``enabled`` or ``forced`` row security; empty: none
    """

    name: str
    kind: str = "table"
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    triggers: tuple[Named, ...] = ()
    policies: tuple[Named, ...] = ()
    rules: tuple[Named, ...] = ()
    owner: str = ""
    storage: str = ""
    partition_of: str = ""
    partition_by: str = ""
    security: str = ""


@dataclass(frozen=True)
class View:
    """A view. ``columns`` have names and types only; ``options`` has SECURITY, CHECK OPTION and the like."""

    name: str
    columns: tuple[Column, ...]
    definition: str
    materialized: bool = False
    options: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Enum:
    """An enum type of PostgreSQL, with its values in their order."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Routine:
    """A function or procedure.

    + name: the name without arguments
    + arguments: types of the arguments
    + definition: the whole statement that creates the routine
    """

    name: str
    arguments: str
    definition: str


@dataclass(frozen=True)
class Grant:
    """A privilege of a role on an object. ``object`` begins with the kind, such as ``table orders``."""

    object: str
    role: str
    privilege: str


@dataclass(frozen=True)
class Catalog:
    """The schema of a database.

    + others: objects of all other kinds. The name of each begins with its kind, such as ``extension citext``
    """

    engine: Engine
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    sequences: tuple[Named, ...] = ()
    enums: tuple[Enum, ...] = ()
    domains: tuple[Named, ...] = ()
    routines: tuple[Routine, ...] = ()
    others: tuple[Named, ...] = ()
    grants: tuple[Grant, ...] = ()

    def as_json(self) -> str:
        """Return the catalog as JSON. The same catalog always has the same text."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)

    @property
    def digest(self) -> str:
        """A checksum of the catalog, for the journal. Catalogs that differ have different checksums."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()


def from_json(text: str) -> Catalog:
    """Read what ``as_json`` has written. Raises pydantic's ValidationError if ``text`` is not a catalog."""
    return _CATALOG.validate_json(text)


_CATALOG = TypeAdapter(Catalog)

"""Compares the parts of the schema on which the old code may rely, before and after a change.

The old code must find everything on which it relied, and new things must not make its writes fail. If no function here
explains a change, the change is also a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from orchestrator.database.catalog import (
    Catalog,
    Check,
    Column,
    Enum,
    ForeignKey,
    Grant,
    Index,
    Named,
    Routine,
    Table,
    View,
)
from orchestrator.database.findings import Problem
from orchestrator.database.model import Engine
from orchestrator.database.types import computes_safely, indexes_safely, only_adds_columns, wider

EXTENSIONS = ("btree_gin", "btree_gist", "citext", "hstore", "pg_trgm", "pgcrypto", "unaccent", "uuid-ossp")
"""Extensions of PostgreSQL that only add types, functions and operators."""


class _Known(Protocol):
    @property
    def name(self) -> str: ...


K = TypeVar("K", bound=_Known)


def compare(before: Catalog, after: Catalog) -> tuple[Problem, ...]:
    """Return all problems that the old code has with the new schema, without duplicates, in a stable order.

    + before: the schema for which the old code was written
    + after: the schema after some statements
    """
    return tuple(dict.fromkeys(_all(before, after)))


def new_values(before: Catalog, after: Catalog) -> tuple[tuple[str, Column], ...]:
    """Return tables and columns in which inserts of the old code may now store another value: a default, or NULL.

    Only the server can say whether such a value fits the column.
    """
    known = _named(before.tables)
    found = []
    for table in after.tables:
        columns = _named(known[table.name].columns) if table.name in known else {}
        for one in table.columns if table.name in known else ():
            old = columns.get(one.name)
            same = old is not None and (old.default, old.type, old.collation) == (one.default, one.type, one.collation)
            if not same and not one.identity and not one.generated and not (old is not None and one.default is None):
                found.append((table.name, one))
    return tuple(found)


def _all(before: Catalog, after: Catalog) -> Iterator[Problem]:
    if before.engine is not after.engine:
        yield Problem("not-recognised", "engine")
    old = _named(before.tables)
    for table in before.tables:
        now = _named(after.tables).get(table.name)
        if now is None:
            yield Problem("drop-table", f"table {table.name}")
        elif now != table:
            yield from _Changed(table, now, before.engine).problems()
    for table in after.tables:
        if table.name not in old:
            yield from _new_table(table, old, after)
    yield from _each(before.views, after.views, "view", _view, _nothing)
    yield from _each(before.sequences, after.sequences, "sequence", _differs("not-recognised"), _nothing)
    yield from _each(before.enums, after.enums, "type", _enum, _nothing)
    yield from _each(before.domains, after.domains, "type", _differs("type-change"), _nothing)
    yield from _routines(before.routines, after.routines)
    yield from _each(before.others, after.others, "", _differs("not-recognised"), _new_other)
    yield from _grants(before, after)


def _named(items: Sequence[K]) -> Mapping[str, K]:
    return {one.name: one for one in items}


def _each(
    before: Sequence[K],
    after: Sequence[K],
    kind: str,
    changed: Callable[[K, K, str], Iterator[Problem]],
    new: Callable[[K, str], Iterator[Problem]],
    gone: str = "drop-object",
) -> Iterator[Problem]:
    """Compare objects by their names."""
    old, now = _named(before), _named(after)
    for name in sorted({*old, *now}):
        title = f"{kind} {name}".strip()
        if name not in now:
            yield Problem(gone, title)
        elif name not in old:
            yield from new(now[name], title)
        elif old[name] != now[name]:
            yield from changed(old[name], now[name], title)


def _nothing(_: object, __: str) -> Iterator[Problem]:
    return iter(())


def _differs(rule: str) -> Callable[[object, object, str], Iterator[Problem]]:
    def problems(_: object, __: object, title: str) -> Iterator[Problem]:
        yield Problem(rule, title)

    return problems


class _Changed:
    """A table that exists before and after, and differs."""

    def __init__(self, old: Table, now: Table, engine: Engine) -> None:
        self.old, self.now, self.engine = old, now, engine
        self.columns = _named(old.columns)
        self.empty = {one.name for one in now.columns if one.name not in self.columns and _stays_null(one)}
        """Columns that the old code leaves NULL in all its rows."""

    @property
    def title(self) -> str:
        return f"table {self.old.name}"

    def problems(self) -> Iterator[Problem]:
        yield from self._columns()
        old, now = self.old, self.now
        yield from self._parts(old.indexes, now.indexes, self._gone_index, self._changed_index, self._new_index)
        yield from self._parts(old.foreign_keys, now.foreign_keys, self._gone, self._changed_key, self._new_key)
        yield from self._parts(old.checks, now.checks, self._gone, self._changed_check, self._new_check)
        yield from self._parts(old.triggers, now.triggers, self._gone_object, self._other("trigger"), self._trigger)
        yield from self._parts(old.rules, now.rules, self._gone_object, self._other("trigger"), self._trigger)
        if old.security != now.security:
            yield Problem("row-security", self.title)
        if old.policies != now.policies:
            yield Problem("row-security", self.title)
        if old.owner != now.owner:
            yield Problem("permission", self.title)
        if (old.partition_by, old.partition_of) != (now.partition_by, now.partition_of):
            yield Problem("partition", self.title)
        if (old.kind, old.storage) != (now.kind, now.storage):
            yield Problem("maintenance", self.title)
        left = replace(now, **{name: getattr(old, name) for name in _COMPARED})
        if left != old:
            yield Problem("not-recognised", self.title)

    @staticmethod
    def _parts(
        old: Sequence[K],
        now: Sequence[K],
        gone: Callable[[K], Iterator[Problem]],
        changed: Callable[[K, K], Iterator[Problem]],
        new: Callable[[K], Iterator[Problem]],
    ) -> Iterator[Problem]:
        before, after = _named(old), _named(now)
        for name in sorted({*before, *after}):
            if name not in after:
                yield from gone(before[name])
            elif name not in before:
                yield from new(after[name])
            elif before[name] != after[name]:
                yield from changed(before[name], after[name])

    def _columns(self) -> Iterator[Problem]:
        now = _named(self.now.columns)
        for name in sorted({*self.columns, *now}):
            title = f"column {self.old.name}.{name}"
            if name not in now:
                yield Problem("drop-column", title)
            elif name not in self.columns:
                yield from self._new_column(now[name], title)
            elif self.columns[name] != now[name]:
                yield from self._changed_column(self.columns[name], now[name], title)

    def _new_column(self, now: Column, title: str) -> Iterator[Problem]:
        if now.required:
            yield Problem("required-column", title)
        if now.generated and not computes_safely(now.generated, self.engine):
            yield Problem("generated-column", title)

    def _changed_column(self, old: Column, now: Column, title: str) -> Iterator[Problem]:
        if old.type != now.type or old.collation != now.collation:
            same = old.collation == now.collation
            if self.engine is Engine.POSTGRES or not same or not wider(old.type, now.type):
                yield Problem("type-change", title)
        if old.nullable and not now.nullable:
            yield Problem("set-not-null", title)
        if old.generated != now.generated:
            yield Problem("generated-column", title)
        if old.identity != now.identity and not (now.identity == "BY DEFAULT" and not old.identity):
            yield Problem("drop-default" if old.identity else "generated-column", title)
        if old.default != now.default and not (old.identity or now.generated):
            yield from self._default(old, now, title)
        if old.extra != now.extra:
            yield Problem("not-recognised", title)

    def _default(self, old: Column, now: Column, title: str) -> Iterator[Problem]:
        if now.default is None:
            if not now.identity:
                yield Problem("drop-default", title)
        elif self._constrained(old.name):
            # the new value may exist already in a unique index, or a key or check may forbid the value
            yield Problem("set-default", title)

    def _constrained(self, column: str) -> bool:
        """Whether a key, a check or code of the table may refuse a value of a column, or compute with the value."""
        now = self.now
        if now.triggers or now.policies or now.rules:
            return True
        keys = [index.columns for index in now.indexes if index.unique or index.exclusion]
        keys += [key.columns for key in now.foreign_keys]
        texts = [check.expression for check in now.checks] + [one.generated for one in now.columns] + [now.partition_by]
        # an index on an expression has a text in the place of a column
        texts += [index.definition for index in now.indexes if not set(index.columns) <= set(_named(now.columns))]
        texts += [index.definition.partition(" WHERE ")[2] for index in now.indexes]
        return any(column in each for each in keys) or any(column in text for text in texts)

    def _gone_index(self, old: Index) -> Iterator[Problem]:
        same = [one for one in self.now.indexes if replace(one, name=old.name) == old and one not in self.old.indexes]
        rule = "rename-index" if same else "drop-constraint" if old.constraint or old.primary else "drop-index"
        yield Problem(rule, f"{old.name} of {self.title}")

    def _changed_index(self, old: Index, now: Index) -> Iterator[Problem]:
        if replace(now, valid=True) != old:
            yield Problem("drop-index", f"{old.name} of {self.title}")
        if old.valid and not now.valid:
            yield Problem("invalid-index", f"{old.name} of {self.title}")

    def _new_index(self, now: Index) -> Iterator[Problem]:
        if not now.valid and self.engine is Engine.POSTGRES:
            yield Problem("invalid-index", f"{now.name} of {self.title}")
        unique_nulls = "NULLS NOT DISTINCT" in now.definition or not self.empty & set(now.columns)
        if now.exclusion or now.primary or (now.unique and unique_nulls):
            yield Problem("unique", f"{now.name} of {self.title}")
        computed = {one.name for one in self.now.columns if one.generated}
        if computed & set(now.columns) or not indexes_safely(now.definition, self.engine):
            yield Problem("index-expression", f"{now.name} of {self.title}")

    def _gone(self, old: ForeignKey | Check) -> Iterator[Problem]:
        yield Problem("drop-constraint", f"{old.name} of {self.title}")

    def _changed_key(self, old: ForeignKey, now: ForeignKey) -> Iterator[Problem]:
        if replace(now, valid=old.valid) != old:
            yield Problem("foreign-key", f"{old.name} of {self.title}")

    def _new_key(self, now: ForeignKey) -> Iterator[Problem]:
        if now.restricts or not set(now.columns) <= self.empty:
            yield Problem("foreign-key", f"{now.name} of {self.title}")

    def _changed_check(self, old: Check, now: Check) -> Iterator[Problem]:
        if replace(now, valid=old.valid) != old:
            yield Problem("check", f"{old.name} of {self.title}")

    def _new_check(self, now: Check) -> Iterator[Problem]:
        yield Problem("check", f"{now.name} of {self.title}")

    def _gone_object(self, old: Named) -> Iterator[Problem]:
        yield Problem("drop-object", f"{old.name} of {self.title}")

    def _trigger(self, now: Named) -> Iterator[Problem]:
        yield Problem("trigger", f"{now.name} of {self.title}")

    def _other(self, rule: str) -> Callable[[Named, Named], Iterator[Problem]]:
        def problems(old: Named, _: Named) -> Iterator[Problem]:
            yield Problem(rule, f"{old.name} of {self.title}")

        return problems


_COMPARED = (
    *("kind", "columns", "indexes", "foreign_keys", "checks", "triggers", "policies", "rules"),
    *("owner", "storage", "partition_of", "partition_by", "security"),
)
"""The parts of a table that ``_Changed`` looks at. A change of any other part is not recognised."""


def _stays_null(column: Column) -> bool:
    return column.nullable and column.default is None and not column.identity and not column.generated


def _new_table(table: Table, old: Mapping[str, Table], after: Catalog) -> Iterator[Problem]:
    """Judge a new table: its rows may stop deletes of the old code, or may also be rows of an existing table."""
    if table.partition_of:
        yield Problem("partition", f"table {table.name}")
    for key in table.foreign_keys:
        if key.restricts and (key.target in old or key.target in _deleted_with(old, after)):
            yield Problem("foreign-key", f"{key.name} of table {table.name}")


def _deleted_with(old: Mapping[str, Table], after: Catalog) -> set[str]:
    """Names of the new tables in which a delete of the old code also deletes rows, because of ON DELETE CASCADE."""
    found: set[str] = set()
    size = -1
    while size != len(found):
        size = len(found)
        for table in after.tables:
            targets = {key.target for key in table.foreign_keys if key.on_delete == "CASCADE"}
            if table.name not in old and targets & (found | set(old)):
                found.add(table.name)
    return found


def _view(old: View, now: View, title: str) -> Iterator[Problem]:
    if old.owner != now.owner:
        yield Problem("permission", title)
    same = replace(now, owner=old.owner, definition=old.definition, columns=old.columns) == old
    columns = {(one.name, one.type, one.collation) for one in now.columns}
    kept = all((one.name, one.type, one.collation) in columns for one in old.columns)
    if not same or not kept or not only_adds_columns(old.definition, now.definition):
        yield Problem("view", title)


def _enum(old: Enum, now: Enum, title: str) -> Iterator[Problem]:
    kept = [value for value in now.values if value in old.values]
    if kept != list(old.values):
        yield Problem("enum-value", title)


def _routines(before: Sequence[Routine], after: Sequence[Routine]) -> Iterator[Problem]:
    old = {(one.name, one.arguments): one for one in before}
    now = {(one.name, one.arguments): one for one in after}
    for key in sorted({*old, *now}):
        title = f"function {key[0]}({key[1]})"
        if key not in now:
            yield Problem("drop-object", title)
        elif key not in old:
            if any(name == key[0] for name, _ in old):
                # a call of the old code may now mean the new function
                yield Problem("not-recognised", title)
        elif old[key] != now[key]:
            yield Problem("hidden-code", title)


def _new_other(now: Named, title: str) -> Iterator[Problem]:
    kind, _, name = now.name.partition(" ")
    if kind not in ("schema", "type", "statistics") and (kind, name in EXTENSIONS) != ("extension", True):
        yield Problem("not-recognised", title)


def _grants(before: Catalog, after: Catalog) -> Iterator[Problem]:
    """Report each lost privilege, except on objects that are gone: other functions report the loss of an object."""
    now = set(after.grants)
    left = {_object(one) for one in after.grants} | _objects(after)
    for one in sorted(set(before.grants) - now, key=lambda grant: (grant.object, grant.role, grant.privilege)):
        if _object(one) in left:
            yield Problem("permission", f"{one.privilege} on {one.object} of {one.role}")


def _object(grant: Grant) -> str:
    return grant.object.partition(" ")[2]


def _objects(catalog: Catalog) -> set[str]:
    named = {one.name for each in (catalog.tables, catalog.views, catalog.sequences) for one in each}
    routines = {f"{one.name}({one.arguments})" for one in catalog.routines}
    others = {one.name.partition(" ")[2] for one in catalog.others}
    return named | routines | others

"""Reads the schema of a database of MariaDB."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.database.catalog import Catalog, Check, Column, ForeignKey, Index, Named, Routine, Table, View
from orchestrator.database.model import Engine

Rows = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query, and returns its rows."""


def read(rows: Rows) -> Catalog:
    """Read the catalog of the present database.

    Privileges are not part of the catalog, because only administrators of the server may read all of them.
    """
    kinds = {str(name): str(kind) for name, kind in rows(_TABLES)}
    checks = _checks(rows)
    columns = _columns(rows, checks)
    return Catalog(
        engine=Engine.MARIADB,
        tables=_tables(rows, columns, checks),
        views=tuple(
            View(name, columns.get(name, ()), definition, options=options, owner=owner)
            for name, definition, options, owner in rows(_VIEWS)
        ),
        sequences=tuple(_sequence(rows, name) for name, kind in kinds.items() if kind == "SEQUENCE"),
        routines=tuple(Routine(*row) for row in rows(_ROUTINES)),
        others=tuple(Named(*row) for row in rows(_EVENTS)),
    )


def quoted(name: str) -> str:
    """The name between backticks, for a statement."""
    return "`" + name.replace("`", "``") + "`"


def _sequence(rows: Rows, name: str) -> Named:
    [[_, text]] = rows(f"SHOW CREATE SEQUENCE {quoted(name)}")
    return Named(name, " ".join(str(text).split()))


def _grouped(rows: Iterable[Sequence[Any]]) -> dict[Any, list[Sequence[Any]]]:
    """The rows of each table, without the name of the table, which is the first value of a row."""
    found: defaultdict[Any, list[Sequence[Any]]] = defaultdict(list)
    for first, *rest in rows:
        found[first].append(rest)
    return found


def _checks(rows: Rows) -> dict[str, tuple[Check, ...]]:
    return {table: tuple(Check(*row) for row in parts) for table, parts in _grouped(rows(_CHECKS)).items()}


def _columns(rows: Rows, checks: dict[str, tuple[Check, ...]]) -> dict[str, tuple[Column, ...]]:
    """The columns of all tables and views. The checks that belong to the type ``json`` are removed from ``checks``."""
    found = {}
    for table, parts in _grouped(rows(_COLUMNS)).items():
        columns = []
        for row in parts:
            one = _column(*row)
            json = Check(one.name, f"json_valid({quoted(one.name)})")
            if json in checks.get(table, ()):
                checks[table] = tuple(check for check in checks[table] if check != json)
                one = replace(one, type="json", collation="")
            columns.append(one)
        found[str(table)] = tuple(columns)
    return found


def _column(*row: Any) -> Column:
    name, kind, nullable, default, words, collation, expression = row
    stored = re.search(r"(STORED|VIRTUAL|PERSISTENT) GENERATED", words, re.IGNORECASE)
    identity = "AUTO_INCREMENT" if "auto_increment" in words.lower() else ""
    left = re.sub(r"(?i)(?:STORED|VIRTUAL|PERSISTENT) GENERATED|auto_increment", "", words)
    return Column(
        name,
        kind,
        bool(nullable),
        None if default == "NULL" or stored else default,
        f"{expression} {stored[1].upper()}" if stored else "",
        identity,
        collation,
        " ".join(left.replace(",", " ").split()),
    )


def _tables(
    rows: Rows, columns: dict[str, tuple[Column, ...]], checks: dict[str, tuple[Check, ...]]
) -> tuple[Table, ...]:
    indexes = _indexes(rows)
    keys = _keys(rows)
    triggers = _grouped(rows(_TRIGGERS))
    partitions = _grouped(rows(_PARTITIONS))
    return tuple(
        Table(
            name,
            kind=kind,
            columns=columns.get(name, ()),
            indexes=indexes.get(name, ()),
            foreign_keys=keys.get(name, ()),
            checks=checks.get(name, ()),
            triggers=tuple(Named(*row) for row in triggers.get(name, ())),
            partition_by="; ".join(" ".join(map(str, row)) for row in partitions.get(name, ())),
        )
        for name, kind in rows(_KINDS)
    )


def _indexes(rows: Rows) -> dict[str, tuple[Index, ...]]:
    [[ignored]] = rows(_HAS_IGNORED)
    text = _INDEXES.format(ignored="IGNORED" if ignored else "'NO'")
    found = {}
    for table, parts in _grouped(rows(text)).items():
        indexes = []
        for name, columns in _grouped(parts).items():
            unique, kind, ignored = columns[0][0], columns[0][1], columns[0][2]
            names = [str(one[3]) for one in columns]
            keys = ", ".join(f"{quoted(str(one[3]))}{f'({one[4]})' if one[4] else ''}{one[5]}" for one in columns)
            definition = f"CREATE {'UNIQUE ' if unique else ''}INDEX USING {kind} ({keys})"
            primary = name == "PRIMARY"
            indexes.append(
                Index(name, tuple(names), definition, unique=bool(unique), primary=primary, valid=ignored != "YES")
            )
        found[str(table)] = tuple(indexes)
    return found


def _keys(rows: Rows) -> dict[str, tuple[ForeignKey, ...]]:
    found = {}
    for table, parts in _grouped(rows(_KEYS)).items():
        keys = []
        for name, columns in _grouped(parts).items():
            own, target, others, delete, update = zip(*columns, strict=True)
            keys.append(ForeignKey(name, tuple(own), target[0], tuple(others), delete[0], update[0]))
        found[str(table)] = tuple(keys)
    return found


_TABLES = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1"
_KINDS = """
SELECT TABLE_NAME, concat(coalesce(ENGINE, ''), IF(TABLE_TYPE = 'BASE TABLE', '', concat(' ', TABLE_TYPE)))
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE', 'SYSTEM VIEW') ORDER BY 1
"""
_COLUMNS = """
SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE = 'YES', COLUMN_DEFAULT, EXTRA,
    trim(concat(coalesce(CHARACTER_SET_NAME, ''), ' ', coalesce(COLLATION_NAME, ''))), GENERATION_EXPRESSION
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2
"""
_HAS_IGNORED = """
SELECT count(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'STATISTICS'
    AND COLUMN_NAME = 'IGNORED'
"""
_INDEXES = """
SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE = 0, INDEX_TYPE, {ignored}, COLUMN_NAME, SUB_PART,
    IF(COLLATION = 'D', ' DESC', '')
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2, SEQ_IN_INDEX
"""
_KEYS = """
SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME,
    IF(k.REFERENCED_TABLE_SCHEMA = DATABASE(), k.REFERENCED_TABLE_NAME,
        concat(k.REFERENCED_TABLE_SCHEMA, '.', k.REFERENCED_TABLE_NAME)),
    k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
    ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
    AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, k.ORDINAL_POSITION
"""
_CHECKS = """
SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2
"""
_TRIGGERS = """
SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, concat_ws(' ', ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER, SQL_MODE,
    ACTION_STATEMENT)
FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1, 2
"""
_PARTITIONS = """
SELECT TABLE_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, PARTITION_NAME, coalesce(PARTITION_DESCRIPTION, '')
FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND PARTITION_NAME IS NOT NULL
ORDER BY 1, PARTITION_ORDINAL_POSITION
"""
_VIEWS = """
SELECT TABLE_NAME, replace(VIEW_DEFINITION, concat('`', DATABASE(), '`.'), ''),
    concat_ws(' ', CHECK_OPTION, SECURITY_TYPE, ALGORITHM), DEFINER
FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1
"""
_ROUTINES = """
SELECT r.ROUTINE_NAME, coalesce((SELECT group_concat(p.PARAMETER_MODE, ' ', p.DTD_IDENTIFIER
    ORDER BY p.ORDINAL_POSITION) FROM information_schema.PARAMETERS p
    WHERE p.SPECIFIC_SCHEMA = r.ROUTINE_SCHEMA AND p.SPECIFIC_NAME = r.SPECIFIC_NAME
    AND p.ROUTINE_TYPE = r.ROUTINE_TYPE AND p.ORDINAL_POSITION > 0), ''),
    concat_ws(' ', r.ROUTINE_TYPE, r.DTD_IDENTIFIER, r.IS_DETERMINISTIC, r.SQL_DATA_ACCESS, r.SECURITY_TYPE, r.SQL_MODE,
    r.DEFINER, r.ROUTINE_DEFINITION)
FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA = DATABASE() ORDER BY 1, 2
"""
_EVENTS = """
SELECT concat('event ', EVENT_NAME), concat_ws(' ', STATUS, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE, INTERVAL_FIELD,
    STARTS, ENDS, SQL_MODE, EVENT_DEFINITION)
FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1
"""

"""Looks at the table of a backfill in the catalog, and divides the rows of the table into ranges of keys."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.database.model import Engine
from orchestrator.database.ranges import Ranged
from orchestrator.engines.base import Connection
from orchestrator.errors import Refused

LARGE = 1_000_000
"""If the server estimates more rows, the rows are not counted."""
_WHOLE = {"smallint", "integer", "bigint", "tinyint", "mediumint", "int"}
_TYPES = {
    Engine.POSTGRES: _WHOLE | {"uuid", "text", "character varying", "character"},
    Engine.MARIADB: _WHOLE | {"uuid", "varchar", "char"},
    Engine.MYSQL: _WHOLE | {"varchar", "char"},
}
"""Types of a key whose values have the same order as text, or as whole numbers, in the ledger and in the table."""
_POSTGRES = """
SELECT c.relkind IN ('r', 'p'), a.attname, format_type(a.atttypid, NULL), a.attnotnull, c.reltuples::bigint, true,
    EXISTS (SELECT 1 FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
        AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = %s AND NOT a.attisdropped
WHERE c.oid = to_regclass(%s)
"""
_MARIADB = """
SELECT t.table_type = 'BASE TABLE', c.column_name, c.data_type, c.is_nullable = 'NO', t.table_rows,
    t.engine = 'InnoDB',
    EXISTS (SELECT 1 FROM information_schema.statistics AS s WHERE s.table_schema = t.table_schema
        AND s.table_name = t.table_name AND s.non_unique = 0 GROUP BY s.index_name
        HAVING count(*) = 1 AND max(s.column_name) = c.column_name AND max(s.sub_part) IS NULL)
FROM information_schema.tables AS t LEFT JOIN information_schema.columns AS c
    ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.column_name = %s
WHERE t.table_schema = coalesce(%s, database()) AND t.table_name = %s
"""
_UNIQUE_POSTGRES = """
SELECT array_agg(a.attname::text) FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])
WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid
"""
_UNIQUE_MARIADB = """
SELECT group_concat(column_name SEPARATOR '\\n') FROM information_schema.statistics
WHERE table_schema = coalesce(%s, database()) AND table_name = %s AND non_unique = 0 GROUP BY index_name
"""


@dataclass(frozen=True)
class Range:
    """Rows that follow one another in the order of the key.

    + first, last: keys as text
    + rows: number of rows
    """

    first: str
    last: str
    rows: int


@dataclass(frozen=True)
class Keys:
    """The keys of a table.

    + table, column: names in quotes, for statements
    + whole: the keys are whole numbers
    + estimate: number of rows as the server estimates it; -1 if the server does not know
    """

    connection: Connection
    table: str
    column: str
    whole: bool
    estimate: int

    def end(self) -> str | None:
        """The greatest key; None if the table is empty."""
        found = self.connection.query(
            f"SELECT {self._text('k')} FROM (SELECT {self.column} AS k FROM {self.table} ORDER BY {self.column} DESC"
            " LIMIT 1) AS a"
        )
        return str(found[0][0]) if found else None

    def count(self) -> int:
        """The number of rows; an estimate if the table is large."""
        if self.estimate > LARGE:
            return self.estimate
        return int(self.connection.query(f"SELECT count(*) FROM {self.table}")[0][0])

    def after(self, last: str | None, end: str, rows: int) -> Range | None:
        """The next range; None if no row is left.

        + last: the last key of the range before; None for the first range
        + end: the greatest key of the last range
        + rows: number of rows of the range, if enough are left
        """
        lower = "" if last is None else f"{self.column} > %s AND "
        found = self.connection.query(
            f"SELECT {self._text('k')}, n FROM (SELECT k, row_number() OVER (ORDER BY k) AS n, count(*) OVER () AS m"
            f" FROM (SELECT {self.column} AS k FROM {self.table} WHERE {lower}{self.column} <= %s"
            f" ORDER BY {self.column} LIMIT %s) AS a) AS b WHERE n = 1 OR n = m ORDER BY n",
            (*(() if last is None else (self.value(last),)), self.value(end), rows),
        )
        return Range(str(found[0][0]), str(found[-1][0]), int(found[-1][1])) if found else None

    def value(self, key: str) -> int | str:
        """Return a key as the argument of a statement: a number if the keys are whole numbers, otherwise the text."""
        return int(key) if self.whole else key

    def _text(self, name: str) -> str:
        return f"{name}::text" if self.connection.engine is Engine.POSTGRES else name


def keys(connection: Connection, ranged: Ranged, name: str) -> Keys:
    """Look at the table and the key of a backfill. Raises Refused if ranges of the key do not reach each row once.

    + name: name of the file, for messages
    """
    engine = connection.engine
    table, shown = quoted(ranged.table, engine), ".".join(ranged.table)
    parts = (None, *ranged.table)[-2:]
    found = connection.query(
        _POSTGRES if engine is Engine.POSTGRES else _MARIADB,
        (ranged.key, table) if engine is Engine.POSTGRES else (ranged.key, *parts),
    )
    if not found:
        raise Refused(f"{name}: there is no table {shown}")
    base, column, kind, required, estimate, safe, unique = found[0]
    key = f"{shown}.{ranged.key}"
    for wrong, why in (
        (not base, f"{shown} is not a table"),
        (not safe, f"the engine of the table {shown} has no transactions: a batch could run twice. Use InnoDB"),
        (column is None, f"there is no column {key}"),
        (kind not in _TYPES[engine], f"the key {key} has the type {kind}: use a key of {_listed(engine)}"),
        (not required, f"the key {key} may be NULL: a backfill would not reach these rows"),
        (not unique, f"the key {key} is not unique: use a column that is alone a primary key or unique key"),
    ):
        if wrong:
            raise Refused(f"{name}: {why}")
    if ranged.target:
        _check_target(connection, ranged, name)
    return Keys(
        connection, table, quoted((ranged.key,), engine), kind in _WHOLE, int(-1 if estimate is None else estimate)
    )


def _check_target(connection: Connection, ranged: Ranged, name: str) -> None:
    """Raise Refused if nothing at the server prevents that INSERT adds a row twice."""
    shown = ".".join(ranged.target)
    if connection.engine is Engine.POSTGRES:
        rows = connection.query(_UNIQUE_POSTGRES, (quoted(ranged.target, connection.engine),))
        indexes = [set(columns) for (columns,) in rows]
    else:
        rows = connection.query(_UNIQUE_MARIADB, (None, *ranged.target)[-2:])
        indexes = [set(columns.split("\n")) for (columns,) in rows]
    if not any(columns <= set(ranged.columns) for columns in indexes):
        raise Refused(
            f"{name}: the table {shown} has no unique key in the columns that INSERT fills"
            f" ({', '.join(ranged.columns)}), so that a row could be added twice"
        )


def quoted(parts: tuple[str, ...], engine: Engine) -> str:
    """The name of a table or column in quotes."""
    sign = '"' if engine is Engine.POSTGRES else "`"
    return ".".join(f"{sign}{part.replace(sign, sign * 2)}{sign}" for part in parts)


def _listed(engine: Engine) -> str:
    return ", ".join(sorted(_TYPES[engine]))

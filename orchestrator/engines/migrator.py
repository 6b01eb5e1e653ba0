"""Copies the rows of the tables in which an application notes which of its migrations have run.

A shadow has no rows. Without these rows, the application's own migrator would run all migrations again.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.database.model import Engine
from orchestrator.engines.base import Connection
from orchestrator.engines.keys import quoted

WELL_KNOWN = (
    *("migrations", "schema_migrations", "ar_internal_metadata", "django_migrations", "doctrine_migration_versions"),
    *("migration_versions", "alembic_version", "flyway_schema_history", "databasechangelog", "databasechangeloglock"),
    *("phinxlog", "knex_migrations", "knex_migrations_lock", "sequelizemeta", "_prisma_migrations", "pgmigrations"),
    *("goose_db_version", "migration", "_yoyo_migration", "__efmigrationshistory", "__drizzle_migrations"),
)
"""Names of such tables in small letters: of Laravel, Rails, Django, Doctrine, Alembic, Flyway, Liquibase and others."""

_BATCH = 200
"""Rows of one INSERT."""

_TABLES = {
    Engine.POSTGRES: "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    " AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2",
    Engine.MARIADB: "SELECT DATABASE(), TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    " AND TABLE_TYPE = 'BASE TABLE' ORDER BY 2",
}
_COLUMNS = {
    Engine.POSTGRES: "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
    " AND is_generated = 'NEVER' ORDER BY ordinal_position",
    Engine.MARIADB: "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = coalesce(%s, DATABASE())"
    " AND TABLE_NAME = %s AND IS_GENERATED = 'NEVER' ORDER BY ORDINAL_POSITION",
}
_SEQUENCE = "SELECT pg_get_serial_sequence(%s, %s)"

Table = tuple[str, ...]
"""The name of a table, in PostgreSQL after the name of its schema."""


def ledgers(connection: Connection, names: Sequence[str] | None) -> list[Table]:
    """Return the tables of a database in which the application notes which migrations have run.

    + names: names of tables, such as ``migrations`` or, in PostgreSQL, ``app.migrations``. None for the well-known
      tables. A table that does not exist is left out
    """
    found: list[Table] = []
    for schema, name in connection.query(_TABLES[connection.engine]):
        known = name.lower() in WELL_KNOWN if names is None else bool({name, f"{schema}.{name}"} & set(names))
        if known:
            found.append((str(schema), str(name)) if connection.engine is Engine.POSTGRES else (str(name),))
    return found


def rows(connection: Connection, tables: Sequence[Table]) -> dict[Table, list[str]]:
    """Return a text for each row of some tables, to find out later whether the rows have changed."""
    return {
        table: sorted(map(repr, connection.query(f"SELECT * FROM {quoted(table, connection.engine)}")))  # noqa: S608 (quoted)
        for table in tables
    }


def copy_rows(live: Connection, inside: Connection, tables: Sequence[Table]) -> None:
    """Copy the rows of some tables from a database into its shadow, in which the tables are empty."""
    for table in tables:
        copy = _copy_postgres if live.engine is Engine.POSTGRES else _copy_mariadb
        copy(live, inside, table)


def _columns(live: Connection, table: Table) -> list[str]:
    schema = table[0] if live.engine is Engine.POSTGRES else None
    return [str(name) for (name,) in live.query(_COLUMNS[live.engine], (schema, table[-1]))]


def _copy_postgres(live: Connection, inside: Connection, table: Table) -> None:
    """Copy the rows as JSON, from which the server itself makes values of each type."""
    name = quoted(table, Engine.POSTGRES)
    columns = _columns(live, table)
    listed = ", ".join(quoted((one,), Engine.POSTGRES) for one in columns)
    [[text]] = live.query(f"SELECT coalesce(json_agg(t), '[]')::text FROM {name} AS t")  # noqa: S608 (quoted)
    inside.query(
        f"INSERT INTO {name} ({listed}) OVERRIDING SYSTEM VALUE"  # noqa: S608 (quoted)
        f" SELECT {listed} FROM json_populate_recordset(NULL::{name}, %s::json)",
        (text,),
    )
    for column in columns:
        [[sequence]] = inside.query(_SEQUENCE, (name, column))
        if sequence:
            greatest = f"SELECT max({quoted((column,), Engine.POSTGRES)}) FROM {name}"  # noqa: S608 (quoted)
            inside.query(f"SELECT setval(%s, ({greatest}))", (sequence,))


def _copy_mariadb(live: Connection, inside: Connection, table: Table) -> None:
    name = quoted(table, Engine.MARIADB)
    columns = _columns(live, table)
    listed = ", ".join(quoted((one,), Engine.MARIADB) for one in columns)
    found = live.query(f"SELECT {listed} FROM {name}")  # noqa: S608 (quoted)
    for first in range(0, len(found), _BATCH):
        some = found[first : first + _BATCH]
        values = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(some))
        inside.query(
            f"INSERT INTO {name} ({listed}) VALUES {values}",  # noqa: S608 (quoted)
            [value for row in some for value in row],
        )

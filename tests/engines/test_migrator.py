"""The rows in which an application notes its migrations are copied into the shadow."""

from __future__ import annotations

import pytest

from orchestrator.database.model import Engine
from orchestrator.engines.base import Connection
from orchestrator.engines.migrator import copy_rows, ledgers, rows
from tests.engines.servers import Server

TABLES = {
    Engine.POSTGRES: (
        "CREATE TABLE migrations (id serial PRIMARY KEY, migration text NOT NULL, at timestamptz, raw bytea,"
        " tags text[], more jsonb, size numeric GENERATED ALWAYS AS (length(migration)) STORED)",
        "INSERT INTO migrations (migration, at, raw, tags, more) VALUES ('1 ''%s''', '2026-01-01 12:00:00.5+02',"
        " '\\x00ff', '{a,\"b,c\"}', '{\"a\": [1, null]}'), ('2', NULL, NULL, NULL, NULL)",
        "CREATE SCHEMA app",
        "CREATE TABLE app.done (id bigint GENERATED ALWAYS AS IDENTITY, name varchar(9))",
        "INSERT INTO app.done (name) VALUES ('x'), ('y')",
    ),
    Engine.MARIADB: (
        "CREATE TABLE migrations (id int AUTO_INCREMENT PRIMARY KEY, migration varchar(99) NOT NULL, raw varbinary(9),"
        " at timestamp(3) NULL, more json, price decimal(9,2), size int AS (length(migration)) STORED)",
        "INSERT INTO migrations (migration, at, raw, more, price) VALUES ('1 ''%s''', '2026-01-01 12:00:00.5',"
        " x'00ff', '{\"a\": [1, null]}', 1.5), ('2', NULL, NULL, NULL, NULL)",
        "CREATE TABLE done (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(9))",
        "INSERT INTO done (name) VALUES ('x'), ('y')",
    ),
}


def made(server: Server, empty: bool) -> Connection:
    """A session in a new database with these tables."""
    session = server.connect(server.new_database())
    for statement in TABLES[server.engine]:
        if not (empty and statement.startswith("INSERT")):
            session.execute(statement)
    return session


def test_rows_of_every_type_are_copied(server: Server) -> None:
    done = "app.done" if server.engine is Engine.POSTGRES else "done"
    with made(server, empty=False) as live, made(server, empty=True) as inside:
        tables = [*ledgers(live, None), *ledgers(live, [done, "nowhere"])]
        assert [table[-1] for table in tables] == ["migrations", "done"]
        copy_rows(live, inside, tables)
        assert rows(inside, tables) == rows(live, tables)
        assert [len(found) for found in rows(live, tables).values()] == [2, 2]
        # the next row gets the next number
        inside.execute("INSERT INTO migrations (migration) VALUES ('3')")
        inside.execute(f"INSERT INTO {done} (name) VALUES ('z')")
        for table in ("migrations", done):
            assert inside.query(f"SELECT max(id) FROM {table}") == [(3,)]
        assert rows(inside, tables) != rows(live, tables)


def test_an_empty_table_stays_empty(server: Server) -> None:
    with made(server, empty=True) as live, made(server, empty=True) as inside:
        copy_rows(live, inside, ledgers(live, None))
        inside.execute("INSERT INTO migrations (migration) VALUES ('1')")
        assert inside.query("SELECT id FROM migrations") == [(1,)]


@pytest.mark.parametrize(("name", "found"), [("Migrations", []), ("migrations", ["migrations"])])
def test_a_table_is_named_exactly(postgres: Server, name: str, found: list[str]) -> None:
    with made(postgres, empty=True) as live:
        assert [table[-1] for table in ledgers(live, [name])] == found

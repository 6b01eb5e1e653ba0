"""Shadows: copies of the schema that hold no rows, that are gone at the end, and that reach no other database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.database.compare import compare
from orchestrator.database.model import Engine
from orchestrator.engines import connect
from orchestrator.engines.postgres_copy import command, statements
from orchestrator.engines.shadow import PREFIX, marked, name_of, read_catalog, remove_left, shadow
from orchestrator.engines.url import read
from orchestrator.errors import ConnectionLost, Refused
from tests.engines.servers import Server
from tests.engines.shadows import live_database, made, run_here
from tests.fakes.processes import eventually

MORE = {
    Engine.POSTGRES: [
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$",
        "CREATE TRIGGER stamp BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION stamp()",
        'CREATE TABLE "Odd;Name" ("a""b" text DEFAULT \'x;y\', CHECK (length("a""b") > 1))',
        "CREATE MATERIALIZED VIEW sums AS SELECT customer_id, sum(total) FROM orders GROUP BY 1",
        "ALTER TABLE owners ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON owners USING (id > 1)",
        "CREATE STATISTICS both_columns ON customer_id, total FROM orders",
        "INSERT INTO owners VALUES (1)",
    ],
    Engine.MARIADB: [
        "CREATE TRIGGER stamp BEFORE INSERT ON log FOR EACH ROW BEGIN SET NEW.at = now(); END",
        "CREATE TABLE `Odd;``Name` (`a'b` varchar(20) DEFAULT 'x;y', CHECK (`a'b` <> '#'), data json)",
        "CREATE FUNCTION tax(x int) RETURNS int DETERMINISTIC RETURN x / 5",
        "CREATE PROCEDURE wipe() DELETE FROM orders",
        "CREATE VIEW a_view AS SELECT id, tax(id) AS tax FROM order_names",
        "CREATE TABLE parts (id int, at date) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10))",
        "INSERT INTO owners VALUES (1)",
    ],
}


def databases(server: Server) -> set[str]:
    text = "SELECT datname FROM pg_database" if server.engine is Engine.POSTGRES else "SHOW DATABASES"
    with server.connect() as session:
        return {str(name) for (name,) in session.query(text)}


def test_a_shadow_has_the_schema_and_no_rows(server: Server) -> None:
    name = live_database(server, *MORE[server.engine])
    with made(server, name) as (live, shade):
        assert compare(read_catalog(live), shade.catalog()) == ()
        assert shade.catalog().digest == read_catalog(live).digest
        assert shade.connection.query("SELECT count(*) FROM owners") == [(0,)]
        assert live.query("SELECT count(*) FROM owners") == [(1,)]
        assert shade.shared
        assert name_of(f"test-{name}") in databases(server)
    assert name_of(f"test-{name}") not in databases(server)


def test_a_shadow_goes_when_its_use_fails(server: Server) -> None:
    name = live_database(server)
    with pytest.raises(ZeroDivisionError), made(server, name) as (_, shade):  # noqa: PT012 (what is in the shadow matters)
        shade.connection.execute("CREATE TABLE more (id int)")
        raise ZeroDivisionError
    assert name_of(f"test-{name}") not in databases(server)


def test_a_shadow_goes_while_a_migrator_still_works(server: Server) -> None:
    name = live_database(server)
    with made(server, name) as (_, shade):
        left = connect(shade.url)
        left.execute("BEGIN")
        left.execute("INSERT INTO owners VALUES (1)")
    assert name_of(f"test-{name}") not in databases(server)
    with pytest.raises(ConnectionLost):
        left.query("SELECT 1")


def test_a_database_of_the_same_name_is_not_touched(server: Server) -> None:
    name = live_database(server)
    taken = name_of(f"test-{name}")
    with server.connect() as session:
        session.execute(f"CREATE DATABASE {taken}")
        with pytest.raises(Refused, match=f"the database {taken} exists"), made(server, name):
            pass
        assert taken not in remove_left(session)
        assert taken in databases(server)
        session.execute(f"DROP DATABASE {taken}")


HOLD = """
import sys
from orchestrator.engines import connect
from orchestrator.engines.url import read
from orchestrator.engines.shadow import shadow
from tests.engines.shadows import run_here
with shadow(connect(read(sys.argv[1], {})), sys.argv[2], run_here) as made:
    print("made", flush=True)
    sys.stdin.read()
"""


def test_the_next_run_drops_what_a_killed_run_left(server: Server) -> None:
    def dropped() -> bool:
        remove_left(session)
        return left not in marked(session)

    name = live_database(server)
    left = name_of(f"killed-{name}")
    words = [sys.executable, "-c", HOLD, server.url(name), f"killed-{name}"]
    root = Path(__file__).parents[2]
    with (
        subprocess.Popen(words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        server.connect() as session,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        assert left in marked(session)
        # the run is alive
        assert left not in remove_left(session)
        process.kill()
        process.wait(10)
        # a shadow that another test makes at this server may drop the one that was left, too
        eventually(dropped)
    assert left not in databases(server)


def test_a_user_without_rights_gets_one_clear_line(server: Server) -> None:
    name = live_database(server)
    user = f"plain_{name}"
    with server.connect(name) as session:
        if server.engine is Engine.POSTGRES:
            session.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'secret'")
        else:
            session.execute(f"CREATE USER {user}@'127.0.0.1'")
            session.execute(f"GRANT ALL ON {name}.* TO {user}@'127.0.0.1'")
        needed = "ALTER ROLE .* CREATEDB" if server.engine is Engine.POSTGRES else "GRANT ALL ON"
        with (
            connect(read(server.url(name, user, _password(server, "secret")), {})) as live,
            pytest.raises(Refused, match=needed) as refused,
            shadow(live, "plain", run_here),
        ):
            pass
        assert "\n" not in str(refused.value)
        session.execute(f"DROP {'ROLE' if server.engine is Engine.POSTGRES else 'USER'} {user}{_at(server)}")


def _password(server: Server, password: str) -> str:
    return password if server.engine is Engine.POSTGRES else ""


def _at(server: Server) -> str:
    return "" if server.engine is Engine.POSTGRES else "@'127.0.0.1'"


def test_a_normal_user_with_the_right_gets_a_shadow(server: Server) -> None:
    name = server.new_database()
    user = f"owner_{name}"
    with server.connect(name) as session:
        if server.engine is Engine.POSTGRES:
            session.execute(f"CREATE ROLE {user} LOGIN CREATEDB PASSWORD 'se''cret'")
            session.execute(f"GRANT ALL ON SCHEMA public TO {user}")
        else:
            session.execute(f"CREATE USER {user}@'127.0.0.1'")
            session.execute(f"GRANT ALL ON {name}.* TO {user}@'127.0.0.1'")
            session.execute(rf"GRANT ALL ON `orchestrator\_shadow\_%`.* TO {user}@'127.0.0.1'")
        with connect(read(server.url(name, user, _password(server, "se'cret")), {})) as live:
            live.execute("CREATE TABLE orders (id int PRIMARY KEY, total int)")
            live.execute("CREATE VIEW totals AS SELECT total FROM orders")
            with shadow(live, f"owner-{name}", run_here) as shade:
                assert compare(read_catalog(live), shade.catalog()) == ()
        assert not [one for one in marked(session) if name in one]
        session.execute(f"DROP DATABASE {server.made.pop()}" if server.engine is Engine.MARIADB else "SELECT 1")
        session.execute(f"DROP USER {user}@'127.0.0.1'" if server.engine is Engine.MARIADB else "SELECT 1")


def test_an_extension_that_a_user_may_not_create_is_left_out(postgres: Server) -> None:
    name = postgres.new_database()
    user = f"limited_{name}"
    with postgres.connect(name) as session:
        session.execute(f"CREATE ROLE {user} LOGIN CREATEDB PASSWORD 'secret'")
        session.execute(f"GRANT ALL ON SCHEMA public TO {user}")
        session.execute("CREATE EXTENSION dblink")
        with connect(read(postgres.url(name, user, "secret"), {})) as live:
            with shadow(live, f"limited-{name}", run_here) as shade:
                assert [one.object for one in compare(read_catalog(live), shade.catalog())] == ["extension dblink"]
            session.execute("CREATE FUNCTION public.f(dblink_pkey_results) RETURNS int LANGUAGE sql AS 'SELECT 1'")
            session.execute(f"ALTER FUNCTION f OWNER TO {user}")
            with pytest.raises(Refused, match=r"without CREATE EXTENSION .*dblink"), shadow(live, "x", run_here):
                pass


def test_a_table_of_another_database_stops_the_copy(mariadb: Server) -> None:
    other = mariadb.new_database()
    name = live_database(mariadb)
    with mariadb.connect(name) as session:
        session.execute(f"CREATE TABLE {other}.stock (id int PRIMARY KEY)")
        session.execute(f"CREATE TRIGGER t BEFORE DELETE ON log FOR EACH ROW CALL {other}.p()")
    with made(mariadb, name) as (_, shade):
        assert [one for table in shade.catalog().tables for one in table.triggers] == []
    with mariadb.connect(name) as session:
        session.execute(f"CREATE TABLE more (id int REFERENCES {other}.stock (id))")
    with pytest.raises(Refused, match=f"table more .* refers to the database {other}"), made(mariadb, name):
        pass


def test_code_that_names_another_database_is_not_copied(mariadb: Server) -> None:
    name, other = mariadb.new_database(), mariadb.new_database()
    with mariadb.connect(name) as live:
        live.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        live.execute("CREATE FUNCTION one() RETURNS int DETERMINISTIC RETURN 1")
        live.execute("CREATE PROCEDURE wipe() DELETE FROM orders")
        live.execute(f"CREATE FUNCTION far() RETURNS int BEGIN DELETE FROM {other}.orders; RETURN 1; END")
        live.execute(f"CREATE PROCEDURE far() DELETE FROM {other}.orders")
        live.execute(f"CREATE TRIGGER far BEFORE INSERT ON orders FOR EACH ROW DELETE FROM {other}.orders")
    with made(mariadb, name) as (_, shade):
        found = shade.connection.query(
            "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
            " UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
        )
    assert sorted(found) == [("one",), ("wipe",)]


def test_pg_dump_gets_the_password_by_standard_input() -> None:
    url = read("postgres://app:se'cret@db.example.org:5433/sh%27op?sslmode=require", {})
    words = command(url, ("127.0.0.1", 7777))
    assert words[0] == "sh"
    assert "se'cret" not in " ".join(words)
    assert words[-1] == (
        "--dbname=host='db.example.org' hostaddr='127.0.0.1' port='7777' user='app' dbname='sh\\'op'"
        " sslmode='require' connect_timeout='10'"
    )
    shown = run_here(["sh", *words[1:4], "sh", "-c", 'printf %s "$PGPASSWORD"'], b"se'cret\n")
    assert shown == b"se'cret"


def test_a_failing_program_is_one_clear_line() -> None:
    with pytest.raises(Refused, match="pg_nothing is not installed on this machine"):
        run_here(["sh", "-c", 'exec "$@"', "sh", "pg_nothing"], b"")
    with pytest.raises(Refused, match="sh failed: no such host"):
        run_here(["sh", "-c", "echo first >&2; echo no such host >&2; exit 1"], b"")


def test_a_dump_loses_passwords_and_lines_for_psql() -> None:
    dump = "\\restrict abc\nCREATE TABLE t (x text DEFAULT ';');\nCREATE USER MAPPING FOR a SERVER b OPTIONS (c 'd');\n"
    assert list(statements(f"{dump}SELECT pg_catalog.set_config('search_path', '', false);\n\\unrestrict abc\n")) == [
        "CREATE TABLE t (x text DEFAULT ';')"
    ]


def test_the_name_of_a_shadow_fits_the_servers() -> None:
    assert name_of("2026-11-29T16:07:33Z-ABC") == f"{PREFIX}2026_11_29t16_07_33z_abc"
    assert len(name_of("x" * 100)) == 63

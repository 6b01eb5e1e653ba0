"""Statements on a shadow: what each of them does to the old code."""

from __future__ import annotations

import pytest

from orchestrator.database.model import Phase
from orchestrator.database.split import split
from orchestrator.engines.trial import Trial
from orchestrator.errors import StatementFailed
from tests.engines.servers import Server
from tests.engines.shadows import judged, live_database, made


def seen(server: Server, name: str, text: str, phase: Phase = Phase.EXPAND) -> list[list[str]]:
    """The problems of each statement, as "rule object"."""
    with made(server, name) as (_, shade):
        statements = [one for one in split(text, server.engine) if one.text]
        return [[f"{one.rule} {one.object}" for one in each.problems] for each in Trial(shade).run(statements, phase)]


@pytest.fixture(scope="module")
def postgres_live(postgres: Server) -> str:
    return live_database(postgres)


@pytest.fixture(scope="module")
def mariadb_live(mariadb: Server) -> str:
    return live_database(mariadb)


def test_a_problem_belongs_to_the_statement_that_causes_it(postgres: Server, postgres_live: str) -> None:
    text = (
        "ALTER TABLE log ADD x int; DROP VIEW order_names; ALTER TABLE log DROP COLUMN msg; ALTER TABLE log ADD y int"
    )
    assert seen(postgres, postgres_live, text) == [
        [],
        ["drop-object view order_names"],
        ["drop-column column log.msg"],
        [],
    ]


def test_old_code_also_works_between_two_statements(postgres: Server, postgres_live: str) -> None:
    again = "DROP VIEW order_names; CREATE VIEW order_names AS SELECT o.id, c.name FROM orders o"
    again += " JOIN customers c ON c.id = o.customer_id; GRANT ALL ON order_names TO app"
    [first, *_] = seen(postgres, postgres_live, again)
    assert first == ["drop-object view order_names"]
    assert seen(postgres, postgres_live, f"BEGIN; {again}; COMMIT") == [[]] * 5


def test_a_transaction_that_rolls_back_has_no_problem(postgres: Server, postgres_live: str) -> None:
    assert seen(postgres, postgres_live, "BEGIN; DROP TABLE log; ROLLBACK; ALTER TABLE log ADD x int") == [[]] * 4


def test_postgres_tells_copies_and_locks(postgres: Server, postgres_live: str) -> None:
    text = """
    ALTER TABLE orders ADD COLUMN luck float DEFAULT random();
    DO $$ BEGIN EXECUTE 'ALTER TABLE orders ADD COLUMN number serial'; END $$;
    CREATE INDEX i ON orders (total);
    CREATE INDEX CONCURRENTLY j ON orders (total);
    REINDEX TABLE log;
    CREATE TABLE work (id int);
    CREATE INDEX k ON work (id);
    """
    assert seen(postgres, postgres_live, text) == [
        ["rewrite table orders"],
        ["rewrite table orders"],
        ["index-lock index i of table orders"],
        [],
        ["index-lock index log_pkey of table log"],
        [],
        [],
    ]


def test_a_backfill_runs_on_the_shadow_without_rows(server: Server, request: pytest.FixtureRequest) -> None:
    name = request.getfixturevalue(f"{server.engine}_live")
    text = "UPDATE orders SET {} = 5 WHERE id BETWEEN :first AND :last AND {} IS NULL"
    for column, rules in (("total", []), ("nowhere", ["fails"])):
        found = judged(server, name, text.format(column, column), Phase.BACKFILL).open
        assert [one.rule for one in found] == rules


def test_mariadb_tells_copies_and_locks(mariadb: Server, mariadb_live: str) -> None:
    text = """
    ALTER TABLE orders MODIFY total bigint NOT NULL -- the end
    ; ALTER TABLE orders ADD COLUMN x int -- the end
    ; CREATE FULLTEXT INDEX f ON orders (body);
    ALTER TABLE orders ADD COLUMN y int, ALGORITHM=COPY;
    CREATE TABLE work (id int);
    ALTER TABLE work MODIFY id bigint;
    OPTIMIZE TABLE log
    """
    assert seen(mariadb, mariadb_live, text) == [
        ["lock table orders"],
        [],
        ["lock table orders"],
        ["lock table orders"],
        [],
        [],
        [],
    ]


def test_a_table_without_online_changes_is_locked(mariadb: Server) -> None:
    name = live_database(mariadb, "CREATE TABLE old (id int, KEY (id)) ENGINE=MyISAM")
    assert seen(mariadb, name, "ALTER TABLE old ADD COLUMN x int") == [["lock table old"]]
    # MariaDB calls this statement instant, but then no query uses the indexes
    assert seen(mariadb, name, "ALTER TABLE old DISABLE KEYS") == [["lock table old"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ALTER TABLE customers ALTER COLUMN note SET DEFAULT gen_random_uuid()", []),
        ("ALTER TABLE customers ALTER COLUMN grade SET DEFAULT 'long'", ["set-default column customers.grade"]),
        (
            "ALTER TABLE customers ALTER COLUMN score SET DEFAULT (random()::int / 0)",
            ["set-default column customers.score"],
        ),
        (
            "ALTER TABLE customers ADD COLUMN x filled",
            ["rewrite table customers", "required-column column customers.x", "set-default column customers.x"],
        ),
        ("ALTER TABLE customers ADD COLUMN x mood DEFAULT 'new'", []),
    ],
)
def test_postgres_stores_each_new_default(postgres: Server, postgres_live: str, text: str, said: list[str]) -> None:
    assert seen(postgres, postgres_live, text) == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ALTER TABLE customers ALTER note SET DEFAULT (uuid())", []),
        ("ALTER TABLE customers ALTER score SET DEFAULT (uuid())", ["set-default column customers.score"]),
        ("ALTER TABLE customers ALTER score SET DEFAULT (floor(rand() * 4e9))", ["set-default column customers.score"]),
        ("ALTER TABLE customers ADD COLUMN x int INVISIBLE", []),
        ("ALTER TABLE customers ADD COLUMN `o``d;d` json DEFAULT '{}' COMMENT 'a, b'", []),
        ("ALTER TABLE customers ADD COLUMN x json DEFAULT 'abc'", ["set-default column customers.x"]),
    ],
)
def test_mariadb_stores_each_new_default(mariadb: Server, mariadb_live: str, text: str, said: list[str]) -> None:
    assert seen(mariadb, mariadb_live, text) == [said]


def test_a_statement_that_fails_ends_its_transaction(postgres: Server, postgres_live: str) -> None:
    found = judged(postgres, postgres_live, "BEGIN; ALTER TABLE log ADD x int; ALTER TABLE nothing ADD x int; COMMIT;")
    assert [one.rule for one in found.open] == ["fails"]
    assert 'relation "nothing" does not exist' in found.open[0].object


def test_a_contract_makes_the_schema_of_the_next_code(postgres: Server, postgres_live: str) -> None:
    with made(postgres, postgres_live) as (_, shade):
        trial = Trial(shade)
        for text, phase, rules in (
            ("ALTER TABLE log ADD COLUMN text varchar(100)", Phase.EXPAND, []),
            ("ALTER TABLE log DROP COLUMN msg", Phase.CONTRACT, ["drop-column"]),
            ("ALTER TABLE log ADD COLUMN msg int", Phase.EXPAND, []),
            ("ALTER TABLE log DROP COLUMN text", Phase.EXPAND, ["drop-column"]),
        ):
            [found] = trial.run(split(text, postgres.engine), phase)
            assert [one.rule for one in found.problems] == rules


def test_the_live_database_stays_as_before(server: Server) -> None:
    name = live_database(server)
    with server.connect(name) as live:
        text = f"ALTER TABLE {name}.log DROP COLUMN msg; USE {name}; DROP TABLE log; DROP TABLE orders"
        found = judged(server, name, text)
        assert len(found.open) >= 4
        assert live.query("SELECT msg FROM log") == []
        assert live.query("SELECT id FROM orders") == []


def migrated(server: Server, name: str, *statements: str) -> list[str]:
    """What was seen when another session ran the statements, as the application's own migrator does."""

    def migrate() -> None:
        with shade.connection.another() as session:
            for one in statements:
                session.execute(one)

    with made(server, name) as (_, shade):
        return [f"{one.rule} {one.object}" for one in Trial(shade).migrate(migrate).problems]


def test_a_migrator_of_postgres_is_judged_by_what_it_leaves(postgres: Server, postgres_live: str) -> None:
    assert migrated(postgres, postgres_live, "ALTER TABLE log ADD x int", "CREATE TABLE work (id int)") == []
    assert migrated(
        postgres,
        postgres_live,
        "ALTER TABLE log ADD COLUMN luck float DEFAULT random()",
        "CREATE INDEX i ON orders (total)",
        "ALTER TABLE orders DROP COLUMN body",
    ) == ["rewrite table log", "index-lock index i of table orders", "drop-column column orders.body"]


def test_a_migrator_of_mariadb_is_judged_by_what_it_leaves(mariadb: Server, mariadb_live: str) -> None:
    more = ["ALTER TABLE log ADD x int DEFAULT 5", "CREATE INDEX i ON orders (total)", "CREATE TABLE work (id int)"]
    assert migrated(mariadb, mariadb_live, *more) == []
    assert migrated(
        mariadb, mariadb_live, "ALTER TABLE orders MODIFY total bigint NOT NULL", "ALTER TABLE orders DROP COLUMN body"
    ) == ["type-change column orders.total", "drop-column column orders.body"]


def test_a_failing_migrator_is_not_hidden(server: Server) -> None:
    with pytest.raises(StatementFailed, match="nothing"):
        migrated(server, live_database(server), "ALTER TABLE nothing ADD x int")

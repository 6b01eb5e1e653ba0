"""Which statements a backfill can run in batches, and the exact line about each other statement."""

from __future__ import annotations

import re

import pytest

from orchestrator.database.files import changes
from orchestrator.database.model import Engine, Phase
from orchestrator.database.ranges import Ranged, read, without_rows
from orchestrator.errors import Refused

PG, MARIADB = Engine.POSTGRES, Engine.MARIADB
RANGE = "id BETWEEN :first AND :last"
INSERT = f"INSERT INTO u (a, b) SELECT id, b FROM t WHERE {RANGE}"
KEEP = {PG: "ON CONFLICT DO NOTHING", MARIADB: "ON DUPLICATE KEY UPDATE u.a = u.a"}


def found(text: str, engine: Engine) -> Ranged:
    [change] = changes({"1_c.backfill.sql": text.encode(), "1_c.check.sql": b"SELECT 0"})
    return read(change.files[Phase.BACKFILL], engine)


@pytest.mark.parametrize(
    ("text", "table", "key"),
    [
        (f"UPDATE t SET b = a WHERE {RANGE}", ("t",), "id"),
        (f"-- words: 5%\n\nUPDATE s.t SET b = a WHERE b IS NULL AND t.{RANGE};\n", ("s", "t"), "id"),
        ("UPDATE t AS x SET b = a WHERE x.k BETWEEN :first AND :last AND (a > 1 OR a < 0)", ("t",), "k"),
        (f"{INSERT} {{keep}}", ("t",), "id"),
        (f"INSERT INTO u (a) SELECT x.id FROM t AS x JOIN v ON v.a = x.a WHERE x.{RANGE} {{keep}}", ("t",), "id"),
        (f"INSERT INTO u (a, b) SELECT id, sum(b) FROM t WHERE {RANGE} GROUP BY id {{keep}}", ("t",), "id"),
        (
            f"INSERT INTO u (a, b) SELECT id, (SELECT sum(c) FROM v WHERE d = t.id) FROM t WHERE {RANGE} {{keep}}",
            ("t",),
            "id",
        ),
    ],
)
def test_table_and_key_are_read_from_the_statement(text: str, table: tuple[str, ...], key: str) -> None:
    for engine, keep in KEEP.items():
        one = found(text.format(keep=keep), engine)
        assert (one.table, one.key) == (table, key)
        assert one.statement.count("%s") == 2
        assert ":" not in one.statement


def test_per_cent_signs_stay_in_the_statement() -> None:
    assert found(f"UPDATE t SET b = a % 5 WHERE {RANGE} AND a LIKE 'x%'", PG).statement == (
        "UPDATE t SET b = a %% 5 WHERE id BETWEEN %s AND %s AND a LIKE 'x%%'"
    )


def test_the_target_of_insert_is_known() -> None:
    one = found(f"{INSERT} {KEEP[PG]}", PG)
    assert (one.target, one.columns) == (("u",), ("a", "b"))
    assert found(f"UPDATE t SET b = a WHERE {RANGE}", PG).target == ()


def test_names_are_read_as_the_server_reads_them() -> None:
    assert found(f"UPDATE Orders SET b = a WHERE Id {RANGE[3:]}", PG).table == ("orders",)
    assert found(f'UPDATE "Orders" SET b = a WHERE {RANGE}', PG).table == ("Orders",)
    assert found(f"UPDATE Orders SET b = a WHERE {RANGE}", MARIADB).table == ("Orders",)
    assert found(f"UPDATE `Orders` SET b = a WHERE {RANGE}", MARIADB).table == ("Orders",)


def test_a_shadow_gets_a_range_without_rows() -> None:
    assert without_rows(f"UPDATE t SET b = a::int WHERE {RANGE}") == (
        "UPDATE t SET b = a::int WHERE id BETWEEN NULL AND NULL"
    )


KINDS = "only UPDATE and INSERT ... SELECT can run in batches: write other statements into an expand file"
NO_RANGE = (
    "the statement has no range of keys: add WHERE id BETWEEN :first AND :last, with the primary key in place of id"
)
HOLDS = (
    "the range must hold for each row: write WHERE id BETWEEN :first AND :last, and join other conditions with AND. If"
    " the query has several tables, name the first table before the key"
)
ONCE = (
    "write :first and :last exactly once, as in WHERE id BETWEEN :first AND :last, and do not write them in comments"
    " and texts"
)
ONE_TABLE = "UPDATE must name one table, without FROM, JOIN, ORDER BY, LIMIT and RETURNING"
DIVIDED = "the result would depend on how the rows are divided into batches"
BAD = [
    ("", "the file has 0 statements: write one statement per backfill file"),
    ("-- nothing", "the file has 0 statements: write one statement per backfill file"),
    ("nonsense", KINDS),
    (f"DELETE FROM t WHERE {RANGE}", KINDS),
    ("INSERT INTO t (a) VALUES (1)", KINDS),
    ("CREATE INDEX i ON t (a)", KINDS),
    (f"UPDATE t SET a = '1 WHERE {RANGE}", KINDS),
    (f"SELECT f(a) FROM t WHERE {RANGE}", KINDS),
    (f"{INSERT} UNION SELECT 1, 2", KINDS),
    ("UPDATE t SET b = a", NO_RANGE),
    ("UPDATE t SET b = a WHERE b IS NULL", NO_RANGE),
    ("UPDATE t SET b = a WHERE id BETWEEN 1 AND 10", NO_RANGE),
    ("INSERT INTO u (a) SELECT id FROM t", NO_RANGE),
    ("UPDATE t SET b = a WHERE id > :first", ONCE),
    ("UPDATE t SET b = a WHERE id BETWEEN :last AND :first", ONCE),
    (f"UPDATE t SET b = ':first' WHERE {RANGE}", ONCE),
    (f"UPDATE t SET b = a /* :last */ WHERE {RANGE}", ONCE),
    (f"UPDATE t SET b = a WHERE {RANGE} AND {RANGE}", ONCE),
    (f"UPDATE t SET b = :new WHERE {RANGE}", ":new is unknown: only :first and :last have values"),
    ("UPDATE t SET b = a WHERE id > :first AND id <= :last", HOLDS),
    (f"UPDATE t SET b = a WHERE {RANGE} OR b IS NULL", HOLDS),
    (f"UPDATE t SET b = a WHERE NOT {RANGE}", HOLDS),
    ("UPDATE t SET b = a WHERE id NOT BETWEEN :first AND :last", HOLDS),
    ("UPDATE t SET b = a WHERE id + 0 BETWEEN :first AND :last", HOLDS),
    ("UPDATE t SET b = a WHERE id BETWEEN :first AND :last + 1", HOLDS),
    (f"UPDATE t SET b = a WHERE a IN (SELECT a FROM u WHERE {RANGE})", HOLDS),
    ("UPDATE t SET b = a WHERE u.id BETWEEN :first AND :last", HOLDS),
    (f"INSERT INTO u (a) SELECT a FROM (SELECT a FROM t WHERE {RANGE}) AS x", HOLDS),
    (f"INSERT INTO u (a) SELECT t.a FROM t JOIN v ON v.a = t.a WHERE {RANGE}", HOLDS),
    (f"INSERT INTO u (a) SELECT t.a FROM t JOIN v ON v.a = t.a WHERE v.{RANGE}", HOLDS),
    (f"UPDATE t SET b = a, id = a WHERE {RANGE}", "the statement changes the key id: a row could be in two ranges"),
    (f"INSERT INTO u SELECT id FROM t WHERE {RANGE}", "name the columns of INSERT"),
    (
        f"INSERT INTO t (a) SELECT id FROM t WHERE {RANGE}",
        "INSERT must not read the table that it fills: a new row could be in a later range",
    ),
    (f"{INSERT} LIMIT 5", f"leave out LIMIT: {DIVIDED}"),
    (f"INSERT INTO u (a) SELECT DISTINCT a FROM t WHERE {RANGE}", f"leave out DISTINCT: {DIVIDED}"),
    (
        f"INSERT INTO u (a) SELECT rank() OVER (ORDER BY a) FROM t WHERE {RANGE}",
        f"leave out window functions: {DIVIDED}",
    ),
    (
        f"INSERT INTO u (a) SELECT sum(b) FROM t WHERE {RANGE}",
        "add id to GROUP BY: otherwise a group could have rows of two ranges",
    ),
    (
        f"INSERT INTO u (a) SELECT c FROM t WHERE {RANGE} GROUP BY c",
        "add id to GROUP BY: otherwise a group could have rows of two ranges",
    ),
    (
        f"INSERT INTO u (a) SELECT v.a FROM t RIGHT JOIN v ON v.a = t.a WHERE t.{RANGE}",
        "leave out RIGHT JOIN: rows without a partner belong to no range",
    ),
]
BY_ENGINE = [
    (PG, f"UPDATE t SET b = u.b FROM u WHERE t.{RANGE}", ONE_TABLE),
    (PG, f"UPDATE t SET b = a WHERE {RANGE} RETURNING a", ONE_TABLE),
    (PG, f"WITH x AS (SELECT 1) UPDATE t SET b = a WHERE {RANGE}", ONE_TABLE),
    (PG, "UPDATE t SET b = a WHERE id BETWEEN SYMMETRIC :first AND :last", HOLDS),
    (PG, INSERT, "add ON CONFLICT DO NOTHING: a row may be there already"),
    (PG, f"{INSERT} ON CONFLICT (a) DO UPDATE SET b = 1", "add ON CONFLICT DO NOTHING: a row may be there already"),
    (
        PG,
        f"{INSERT} ON CONFLICT DO NOTHING RETURNING a",
        "write INSERT INTO ... SELECT without WITH, REPLACE and RETURNING",
    ),
    (
        PG,
        f'UPDATE "a b" SET b = a WHERE {RANGE}',
        "the name of the table or of the key has special characters: this is not supported",
    ),
    (MARIADB, f"UPDATE t JOIN u ON t.a = u.a SET t.b = u.b WHERE t.{RANGE}", ONE_TABLE),
    (MARIADB, f"UPDATE t SET b = a WHERE {RANGE} LIMIT 10", ONE_TABLE),
    (MARIADB, f"/*!50000 UPDATE t SET b = a WHERE {RANGE} */", KINDS),
    (MARIADB, f"REPLACE INTO u (a) SELECT id FROM t WHERE {RANGE}", KINDS),
    (
        MARIADB,
        INSERT,
        "add ON DUPLICATE KEY UPDATE u.a = u.a: a row may be there already, and must stay as it is",
    ),
    (
        MARIADB,
        f"{INSERT} ON DUPLICATE KEY UPDATE b = 1",
        "add ON DUPLICATE KEY UPDATE u.a = u.a: a row may be there already, and must stay as it is",
    ),
    (
        MARIADB,
        INSERT.replace("INSERT", "INSERT IGNORE"),
        "IGNORE would also store values that do not fit: leave out IGNORE, and add ON DUPLICATE KEY UPDATE u.a = u.a",
    ),
]


@pytest.mark.parametrize(
    ("engine", "text", "line"), [*((engine, *case) for case in BAD for engine in (PG, MARIADB)), *BY_ENGINE]
)
def test_each_unsuitable_statement_gets_its_line(engine: Engine, text: str, line: str) -> None:
    with pytest.raises(Refused, match=rf"^1_c\.backfill\.sql:1: {re.escape(line)}$"):
        found(text, engine)


def test_the_line_of_the_statement_is_named() -> None:
    one = f"UPDATE t SET b = a WHERE {RANGE};"
    with pytest.raises(Refused, match=r"^1_c\.backfill\.sql:4: the file has 2 statements: write one statement"):
        found(f"-- a\n\n{one}\n{one}", PG)
    with pytest.raises(Refused, match=r"^1_c\.backfill\.sql:3: the statement has no range"):
        found("-- a\n\nUPDATE t SET b = a", PG)

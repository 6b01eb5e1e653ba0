"""The backfill in batches, on real servers."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from orchestrator.engines import connect
from tests.fakes.processes import eventually
from tests.migrate import shop
from tests.migrate.conftest import Site
from tests.migrate.crash import Child, killed_at, start

HELD = ("--throttle", "SELECT count(*) FROM busy")
FAST = ("--sleep", "0")


def hold(site: Site) -> None:
    """Let a backfill with the options HELD wait."""
    site.session.execute("CREATE TABLE busy (x int)")
    site.session.execute("INSERT INTO busy VALUES (1)")


def started(site: Site, tmp_path: Path, *options: str) -> Child:
    """A backfill in another process, which waits before its first batch."""
    child = start(site.command("backfill", *HELD, *options), tmp_path / "said")
    eventually(lambda: "waits, because the query of --throttle returns 1" in child.said)
    return child


def release(site: Site) -> None:
    site.session.execute("DELETE FROM busy")


def test_a_backfill_passes_each_row_once(site: Site) -> None:
    shop.ready(site, 2_000)
    assert site.run("plan") == 0, site.said
    assert (
        "backfill, later: 0001_total.backfill.sql: table orders by id: UPDATE orders SET total = sum, touched = touched"
        in site.said
    )
    assert site.run("status") == 0
    assert "0001_total.backfill.sql: pending\n" in site.said
    assert site.run("backfill", "--batch", "300", *FAST) == 0, site.said
    assert site.said == ("0001_total.backfill.sql: begins, 2,000 rows\n0001_total.backfill.sql: done, 2,000 rows\n")
    assert shop.touched(site) == [(1, 2_000)]
    assert site.session.query("SELECT count(*) FROM orders WHERE total = sum") == [(2_000,)]
    assert site.run("status") == 0
    assert "0001_total.backfill.sql: done, 2,000 rows\n" in site.said
    assert site.run("plan") == 0
    assert "backfill" not in site.said
    assert site.run("backfill") == 0
    assert site.said == "backfill: nothing to do\n"
    assert site.run("contract") == 0, site.said


def test_a_backfill_of_an_empty_table_is_done_at_once(site: Site) -> None:
    shop.ready(site, 0 if site.postgres else 1)
    site.session.execute("DELETE FROM orders")
    assert site.run("backfill") == 0, site.said
    assert site.said.endswith("0001_total.backfill.sql: done, 0 rows\n")
    assert site.run("contract") == 0, site.said


def test_a_backfill_waits_for_its_expand(site: Site) -> None:
    shop.ready(site, 10)
    (site.directory / "0001_total.contract.sql").unlink()
    site.write("0002_b.expand.sql", "ALTER TABLE orders ADD COLUMN b int")
    site.write("0002_b.backfill.sql", "UPDATE orders SET b = sum WHERE id BETWEEN :first AND :last AND b IS NULL")
    site.write("0002_b.check.sql", "SELECT count(*) FROM orders WHERE b IS NULL")
    assert site.run("backfill") == 0, site.said
    assert "0002_b.backfill.sql waits until 0002_b.expand.sql is done: run orchestrator db expand first" in site.said
    assert shop.touched(site) == [(1, 10)]
    assert site.run("expand") == 0, site.said
    assert site.run("backfill") == 0, site.said
    assert site.session.query("SELECT count(*) FROM orders WHERE b = sum") == [(10,)]
    assert shop.touched(site) == [(1, 10)]


# killed, stopped and paused


@pytest.mark.parametrize("seed", [1])
def test_a_backfill_killed_at_5_points_passes_rows_once(site: Site, seed: int) -> None:
    shop.ready(site, 20_000)
    words = site.command("backfill", "--wait", "60", "--batch", "200", *FAST)
    random = Random(seed)
    done = [0]
    for _ in range(5):
        assert killed_at(words, random.randint(40, 130), before=random.random() < 0.5)
        rows, changed = shop.noted(site)
        assert rows == changed
        done.append(rows)
    print(f"{site.url.engine}: killed after {done[1:]} rows")
    assert done == sorted(done)
    assert 0 < done[-1] < 20_000
    assert site.run("backfill", "--wait", "60") == 0, site.said
    assert f"0001_total.backfill.sql: continues, {done[-1]:,} of 20,000 rows" in site.said
    assert shop.touched(site) == [(1, 20_000)]
    assert site.session.query("SELECT count(*) FROM orders WHERE total = sum") == [(20_000,)]


def test_a_killed_backfill_is_shown_as_stopped(site: Site) -> None:
    shop.ready(site, 5_000)
    assert killed_at(site.command("backfill", "--batch", "200", *FAST), 60, before=True)
    eventually(lambda: site.run("status") == 0 and ", stopped at " in site.said)
    rows, _ = shop.noted(site)
    assert f"0001_total.backfill.sql: {rows:,} of 5,000 rows ({rows // 50}%), stopped at " in site.said


def test_a_signal_stops_a_backfill_between_two_batches(site: Site, tmp_path: Path) -> None:
    shop.ready(site, 20_000)
    hold(site)
    child = started(site, tmp_path)
    os.kill(child.pid, signal.SIGINT)
    assert child.ended() == 130
    assert "SIGINT: stopped between two batches. The next command goes on" in child.said
    assert shop.touched(site) == [(0, 20_000)]


def test_an_operator_pauses_a_backfill_of_another(site: Site, tmp_path: Path) -> None:
    shop.ready(site, 20_000)
    child = start(site.command("backfill", "--batch", "10", "--sleep", "0.01"), tmp_path / "said")
    eventually(
        lambda: (
            site.session.query("SELECT 1 FROM information_schema.tables WHERE table_name = 'deploy_schema_backfills'")
            and shop.noted(site)[0]
        )
    )
    assert site.run("status") == 0
    assert ", running in session " in site.said
    assert " rows/s, " in site.said
    assert site.run("pause") == 0
    assert site.said.startswith("0001_total.backfill.sql: paused at ")
    assert child.ended() == 1
    rows, changed = shop.noted(site)
    assert rows == changed < 20_000
    assert f"has paused 0001_total.backfill.sql ({rows:,} of 20,000 rows" in child.said
    assert site.run("status") == 0
    assert f"0001_total.backfill.sql: {rows:,} of 20,000 rows ({rows // 200}%), paused by " in site.said
    assert site.run("backfill", *FAST) == 0, site.said
    assert shop.touched(site) == [(1, 20_000)]
    assert site.run("pause") == 0
    assert site.said == "no backfill to pause: none has begun, or all are done\n"


def test_a_pause_ends_a_backfill_that_waits(site: Site, tmp_path: Path) -> None:
    shop.ready(site, 100)
    hold(site)
    child = started(site, tmp_path)
    assert site.run("pause") == 0
    assert child.ended() == 1
    assert "has paused 0001_total.backfill.sql (0 of 100 rows (0%)): orchestrator db backfill goes on" in child.said


# several commands at once


def test_a_second_operator_learns_who_runs_the_backfill(site: Site, tmp_path: Path) -> None:
    shop.ready(site, 5_000)
    hold(site)
    child = started(site, tmp_path)
    assert site.run("backfill") == 3
    assert " runs a backfill of " in site.said
    assert "or pass --wait SECONDS" in site.said
    assert site.run("unlock") == 3
    assert " runs a backfill. If its command is dead or hangs" in site.said
    release(site)
    assert site.run("backfill", "--wait", "60") == 0, site.said
    assert site.said.endswith("backfill: nothing to do\n")
    assert child.ended() == 0
    assert "0001_total.backfill.sql goes on\n" in child.said
    assert shop.touched(site) == [(1, 5_000)]


def test_two_operators_at_once_pass_each_row_once(site: Site, tmp_path: Path) -> None:
    shop.ready(site, 5_000)
    children = [start(site.command("backfill", "--wait", "60", *FAST), tmp_path / name) for name in "ab"]
    assert [one.ended() for one in children] == [0, 0], [one.said for one in children]
    assert sum("done, 5,000 rows" in one.said for one in children) == 1
    assert sum("backfill: nothing to do" in one.said for one in children) == 1
    assert shop.touched(site) == [(1, 5_000)]


def test_a_run_stops_if_the_ledger_says_that_another_goes_on(site: Site, tmp_path: Path) -> None:
    """For example, an operator has ended the session of the first run, and a second run has begun."""
    shop.ready(site, 100)
    hold(site)
    child = started(site, tmp_path)
    site.session.execute("UPDATE deploy_schema_backfills SET run_id = 'another'")
    release(site)
    assert child.ended() == 3
    assert "another run continues the backfill of 0001_total: run orchestrator db status" in child.said
    assert shop.touched(site) == [(0, 100)]


def test_other_tables_may_change_beside_a_backfill(site: Site, tmp_path: Path) -> None:
    shop.ready(site, 100)
    hold(site)
    child = started(site, tmp_path)
    site.write("0002_b.expand.sql", "CREATE TABLE b (x int)")
    assert site.run("expand", "--defer") == 0, site.said
    site.write("0003_c.expand.sql", "ALTER TABLE orders ADD COLUMN c int")
    for verb in ("plan", "expand"):
        assert site.run(verb, "--defer") == 3
        assert (
            "0001_total.backfill.sql is not finished: 0 of 100 rows (0%), and 0003_c.expand.sql changes the same table"
            " (orders): run orchestrator db backfill first" in site.said
        )
    assert site.run("contract") == 3
    assert "0001_total.backfill.sql is not finished: 0 of 100 rows (0%)" in site.said
    release(site)
    assert child.ended() == 0, child.said
    assert site.run("contract") == 0, site.said
    assert site.run("expand") == 0, site.said


# locks of other sessions


def test_a_backfill_waits_for_the_lock_of_one_row(site: Site) -> None:
    shop.ready(site, 2_000)
    with connect(site.url) as other:
        other.execute("BEGIN")
        other.execute(f"UPDATE orders SET sum = 7 WHERE id = {1_000 * shop.GAP}")
        assert site.run("backfill", "--patience", "1", *FAST) == 1
        assert "gave up 0001_total.backfill.sql (999 of 2,000 rows (49%)) after " in site.said
        assert f"another session holds a lock: {'' if site.postgres else 'perhaps '}session {other.id} (" in site.said
        assert shop.noted(site) == (999, 999)
        assert site.run("status") == 0
        assert f"session {other.id} (" in site.said
        other.execute("COMMIT")
    assert site.run("backfill", *FAST) == 0, site.said
    assert shop.touched(site) == [(1, 2_000)]
    assert site.session.query("SELECT count(*) FROM orders WHERE total = sum") == [(2_000,)]


def test_an_error_names_the_rows_and_is_not_tried_again(site: Site) -> None:
    shop.fill(site, 1_000)
    shop.write(site, f"{SAFE}\nUPDATE orders SET total = sum, touched = -1 WHERE id BETWEEN :first AND :last")
    site.session.execute(f"ALTER TABLE orders ADD CONSTRAINT c CHECK (touched >= 0 OR id <> {700 * shop.GAP})")
    # batches of always 500 rows
    assert site.run("backfill", "--batch", "500", "--batch-time", "600", *FAST) == 1
    assert "0001_total.backfill.sql, rows with id from 1503 to 3000: the database " in site.said
    assert site.session.query("SELECT count(*) FROM orders WHERE total IS NOT NULL") == [(500,)]
    assert site.run("status") == 0
    assert "500 of 1,000 rows (50%), stopped at " in site.said
    assert "rows with id from 1503 to 3000" in site.said
    site.write("0001_total.backfill.sql", shop.COUNTED)
    assert site.run("status") == 0
    assert ", edited since\n" in site.said
    assert site.run("backfill", *FAST) == 0, site.said
    assert "0001_total.backfill.sql was edited, and begins again at the first row" in site.said
    assert shop.touched(site) == [(0, 500), (1, 500)]


SAFE = "-- orchestrator: safe because this is a test"


# after the last row


def test_rows_that_nothing_fills_are_found_by_the_check(site: Site) -> None:
    shop.ready(site, 100)
    assert site.run("backfill") == 0, site.said
    site.session.execute("INSERT INTO orders (id, sum) VALUES (1, 1), (1000, 1000)")
    assert site.run("contract") == 3
    assert "0001_total.check.sql returns 2 and not 0" in site.said
    assert site.run("backfill") == 0, site.said
    assert (
        "0001_total.check.sql returns 2 and not 0: 0001_total.backfill.sql begins again at the first row" in site.said
    )
    assert shop.touched(site) == [(1, 2), (2, 100)]
    assert site.run("contract") == 0, site.said


def test_a_backfill_that_leaves_rows_says_so(site: Site) -> None:
    shop.ready(site, 100)
    site.write("0001_total.check.sql", "SELECT count(*) FROM orders WHERE total = 5")
    assert site.run("backfill") == 1
    assert "0001_total.backfill.sql has passed all rows, but 0001_total.check.sql returns 1 and not 0" in site.said


def test_a_backfill_that_is_done_must_not_be_edited(site: Site) -> None:
    shop.ready(site, 10)
    assert site.run("backfill") == 0, site.said
    site.write("0001_total.backfill.sql", shop.UPDATE)
    assert site.run("backfill") == 3
    assert "0001_total.backfill.sql was edited after it ran: undo the edit, and add a new file" in site.said


def test_a_ledger_of_an_earlier_version_gets_the_table(site: Site) -> None:
    shop.ready(site, 10)
    site.session.execute("DROP TABLE deploy_schema_backfills")
    for verb in ("status", "plan", "pause"):
        assert site.run(verb) == 0, site.said
    assert site.run("contract") == 3
    assert "0001_total.backfill.sql has not begun. Run orchestrator db backfill first" in site.said
    assert site.run("backfill") == 0, site.said


# other statements and keys


def test_insert_select_fills_a_new_table_once(site: Site) -> None:
    shop.fill(site, 1_000)
    site.write("0001_t.expand.sql", "CREATE TABLE totals (order_id bigint PRIMARY KEY, total int)")
    site.write(
        "0001_t.backfill.sql",
        "INSERT INTO totals (order_id, total) SELECT id, sum FROM orders WHERE id BETWEEN :first AND :last"
        + (
            " ON CONFLICT DO NOTHING" if site.postgres else " ON DUPLICATE KEY UPDATE totals.order_id = totals.order_id"
        ),
    )
    site.write(
        "0001_t.check.sql",
        "SELECT count(*) FROM orders WHERE NOT EXISTS (SELECT 1 FROM totals WHERE totals.order_id = orders.id)",
    )
    assert site.run("expand") == 0, site.said
    # a row that the application has written meanwhile stays as it is
    site.session.execute("INSERT INTO totals VALUES (3, 77)")
    assert site.run("backfill", *FAST) == 0, site.said
    assert site.session.query("SELECT count(*) FROM totals JOIN orders ON id = order_id AND total = sum") == [(999,)]
    assert site.session.query("SELECT total FROM totals WHERE order_id = 3") == [(77,)]


@pytest.mark.parametrize("kind", ["int", "smallint", "uuid", "varchar(40)", "char(40)", "text"])
def test_each_type_of_key_passes_each_row_once(site: Site, kind: str) -> None:
    if kind == "text" and not site.postgres:
        kind = "varchar(40) CHARACTER SET latin1"
    random = Random(kind)
    whole = kind in ("int", "smallint")
    signs = "abcABC_%\\'\" éß"
    made = {
        str(random.randint(-32768, 32767))
        if whole
        else str(UUID(int=random.getrandbits(128), version=4))
        if kind == "uuid"
        else "".join(random.choices("abcdef\\'é" if "latin1" in kind else signs, k=12)) + f"{random.getrandbits(64):x}"
        for _ in range(700)
    }
    site.session.execute(f"CREATE TABLE t (k {kind} PRIMARY KEY, a int, b int, touched int NOT NULL DEFAULT 0)")
    with site.session.transaction():
        for key in made:
            site.session.query("INSERT INTO t (k, a) VALUES (%s, 1)", (int(key) if whole else key,))
    site.write(
        "0001_b.backfill.sql",
        f"{SAFE}\nUPDATE t SET b = a, touched = touched + 1 WHERE k BETWEEN :first AND :last AND a % 2 = 1",
    )
    site.write("0001_b.check.sql", "SELECT count(*) FROM t WHERE b IS NULL")
    assert site.run("backfill", "--batch", "64", *FAST) == 0, site.said
    assert f"done, {len(made)} rows" in site.said
    assert site.session.query("SELECT touched, count(*) FROM t GROUP BY touched") == [(1, len(made))]


# tables that are not suitable


UNSUITABLE = {
    "no table": ("", "", "there is no table orders"),
    "no column": ("CREATE TABLE orders (x int PRIMARY KEY, sum int, total int)", "", "there is no column orders.id"),
    "not unique": (
        "CREATE TABLE orders (id int NOT NULL, sum int, total int)",
        "CREATE INDEX i ON orders (id)",
        "the key orders.id is not unique: use a column that is alone a primary key or unique key",
    ),
    "a part of a key": (
        "CREATE TABLE orders (id int NOT NULL, shop int NOT NULL, sum int, total int, PRIMARY KEY (id, shop))",
        "",
        "the key orders.id is not unique: use a column that is alone a primary key or unique key",
    ),
    "nullable": (
        "CREATE TABLE orders (id int UNIQUE, sum int, total int)",
        "",
        "the key orders.id may be NULL: a backfill would not reach these rows",
    ),
    "view": (
        "CREATE TABLE o (id int PRIMARY KEY, sum int, total int)",
        "CREATE VIEW orders AS SELECT * FROM o",
        "orders is not a table",
    ),
    "type": (
        "CREATE TABLE orders (id decimal(9, 2) PRIMARY KEY, sum int, total int)",
        "",
        "the key orders.id has the type",
    ),
}
BY_ENGINE = {
    "postgres": {
        "partial index": (
            "CREATE TABLE orders (id int NOT NULL, sum int, total int)",
            "CREATE UNIQUE INDEX i ON orders (id) WHERE sum > 0",
            "the key orders.id is not unique: use a column that is alone a primary key or unique key",
        ),
    },
    "mariadb": {
        "engine": (
            "CREATE TABLE orders (id int PRIMARY KEY, sum int, total int) ENGINE=MyISAM",
            "",
            "the engine of the table orders has no transactions: a batch could run twice. Use InnoDB",
        ),
        "prefix of a key": (
            "CREATE TABLE orders (id varchar(20) NOT NULL, sum int, total int, UNIQUE (id(5)))",
            "",
            "the key orders.id is not unique: use a column that is alone a primary key or unique key",
        ),
    },
}


def test_tables_that_are_not_suitable_are_named(site: Site) -> None:
    site.write("0001_total.backfill.sql", shop.UPDATE)
    site.write("0001_total.check.sql", "SELECT 0")
    cases = {**UNSUITABLE, **BY_ENGINE[site.url.engine]}
    for name, (table, more, why) in cases.items():
        for statement in filter(None, (table, more)):
            site.session.execute(statement)
        assert site.run("backfill") == 3, name
        said = site.said.splitlines()
        assert said[0].startswith(f"orchestrator db backfill: 0001_total.backfill.sql: {why}"), name
        assert len(said) == 1
        for kind in ("VIEW", "TABLE"):
            objects = site.tables()
            if more.startswith("CREATE VIEW") and kind == "VIEW":
                site.session.execute("DROP VIEW orders")
            elif kind == "TABLE":
                for one in objects:
                    site.session.execute(f"DROP TABLE {one}")


def test_a_target_without_a_unique_key_is_named(site: Site) -> None:
    shop.fill(site, 10)
    site.session.execute("CREATE TABLE totals (id serial PRIMARY KEY, order_id bigint, total int)")
    keep = " ON CONFLICT DO NOTHING" if site.postgres else " ON DUPLICATE KEY UPDATE totals.order_id = totals.order_id"
    site.write(
        "0001_t.backfill.sql",
        f"INSERT INTO totals (order_id, total) SELECT id, sum FROM orders WHERE id BETWEEN :first AND :last{keep}",
    )
    site.write("0001_t.check.sql", "SELECT 0")
    assert site.run("backfill") == 3
    assert site.said == (
        "orchestrator db backfill: 0001_t.backfill.sql: the table totals has no unique key in the columns that INSERT"
        " fills (order_id, total), so that a row could be added twice\n"
    )
    site.session.execute("CREATE UNIQUE INDEX u ON totals (order_id)")
    assert site.run("backfill") == 0, site.said


def test_a_file_that_has_no_range_is_named(site: Site) -> None:
    shop.fill(site, 10)
    shop.write(site, "UPDATE orders SET total = sum WHERE total IS NULL")
    for verb in ("plan", "backfill"):
        assert site.run(verb) == 3
        assert site.said.endswith(
            f"orchestrator db {verb}: 0001_total.backfill.sql:1: the statement has no range of keys: add WHERE id"
            " BETWEEN :first AND :last, with the primary key in place of id\n"
        )
    site.write("0001_total.backfill.sql", shop.UPDATE.replace(" AND total IS NULL", ""))
    assert site.run("backfill") == 3
    assert "0001_total.backfill.sql:1: backfill-" in site.said
    assert shop.touched(site) == [(0, 10)]

"""The commands that run SQL files at a database, on real servers."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from orchestrator.engines import connect
from orchestrator.engines.base import SCHEMA_LOCK, Connection
from orchestrator.migrate.command import main
from tests.engines.servers import Server
from tests.migrate.conftest import Site

TWO = "CREATE TABLE a (x int);\nCREATE TABLE b (x int);\n"


def test_expand_runs_each_statement_once(site: Site) -> None:
    site.write("0001_two.expand.sql", TWO)
    site.write("0002_row.expand.sql", "-- orchestrator: safe because the table is new\nINSERT INTO a VALUES (1);\n")
    assert site.run("plan") == 0, site.said
    assert "expand: 0001_two.expand.sql: step 2 of 2: CREATE TABLE b (x int)" in site.said
    assert site.tables() == []
    assert site.run("expand") == 0, site.said
    assert site.said.splitlines()[-1] == "expand: 3 steps done"
    assert site.run("expand") == 0
    assert site.said == "expand: nothing to do\n"
    assert site.session.query("SELECT x FROM a") == [(1,)]
    site.write("0003_c.expand.sql", "CREATE TABLE c (x int)")
    assert site.run("expand") == 0
    assert site.said == "0003_c.expand.sql: step 1 of 1 done: CREATE TABLE c (x int)\nexpand: 1 steps done\n"
    assert site.run("status") == 0
    assert "0001_two.expand.sql: done\n" in site.said
    assert "schema: expanded since" in site.said


def test_a_whole_change(site: Site) -> None:
    site.session.execute("CREATE TABLE t (id int PRIMARY KEY, old int)")
    site.session.execute("INSERT INTO t VALUES (1, 7)")
    site.write("0001_new.expand.sql", "ALTER TABLE t ADD COLUMN new int")
    site.write("0001_new.backfill.sql", "UPDATE t SET new = old WHERE id BETWEEN :first AND :last AND new IS NULL")
    site.write("0001_new.check.sql", "SELECT count(*) FROM t WHERE new IS NULL")
    site.write("0001_new.contract.sql", "ALTER TABLE t DROP COLUMN old")
    assert site.run("contract") == 3
    assert "0001_new.contract.sql cannot run, because 0001_new.expand.sql is not done" in site.said
    assert site.run("expand", "--release", "v1") == 0, site.said
    assert site.run("contract") == 3
    assert "0001_new.backfill.sql has not begun. Run orchestrator db backfill first" in site.said
    assert site.run("verify") == 1
    assert (
        "0001_new.backfill.sql is not done\norchestrator db verify: not ready for the contract: 0001_new" in site.said
    )
    assert site.run("backfill") == 0, site.said
    assert site.run("verify") == 0
    assert site.said == "0001_new: ready for the contract\n"
    site.session.execute("UPDATE t SET new = NULL")
    assert site.run("verify") == 1
    assert "0001_new.check.sql returns 1 and not 0\n" in site.said
    assert site.run("contract") == 3
    assert "0001_new.check.sql returns 1 and not 0: first complete the backfill of 0001_new" in site.said
    assert site.run("backfill") == 0, site.said
    site.write("0002_b.expand.sql", "CREATE TABLE b (x int)")
    assert site.run("expand", "--release", "v2") == 3
    assert "0001_new.contract.sql is pending, and belongs to an earlier release" in site.said
    assert site.run("contract", "--release", "v1") == 0, site.said
    assert site.run("verify") == 0
    assert site.said == ""
    assert site.session.query("SELECT id, new FROM t") == [(1, 7)]
    assert site.run("status") == 0
    assert "no release older than v1 may run" in site.said
    assert site.run("expand", "--release", "v2") == 0, site.said


def test_the_lint_stands_before_the_database(site: Site) -> None:
    site.session.execute("CREATE TABLE t (x int)")
    site.write("0001_a.expand.sql", "CREATE TABLE a (x int)")
    site.write("0002_b.expand.sql", "DROP TABLE t")
    for verb in ("plan", "expand"):
        assert site.run(verb) == 3
        assert "0002_b.expand.sql:1: drop-table" in site.said
    assert site.tables() == ["t"]
    site.write("0002_b.expand.sql", "-- orchestrator: safe because no code uses the table\nDROP TABLE t")
    assert site.run("expand") == 0, site.said
    assert site.tables() == ["a"]


def test_a_file_that_was_edited_is_named(site: Site) -> None:
    site.write("0001_a.expand.sql", "CREATE TABLE a (x int)")
    assert site.run("expand") == 0
    site.write("0001_a.expand.sql", "CREATE TABLE a (x bigint)")
    for verb in ("plan", "expand", "contract"):
        assert site.run(verb) == 3
        assert "0001_a.expand.sql was edited after its step 1 ran" in site.said
    assert site.run("status") == 0
    assert "0001_a.expand.sql: done, edited since" in site.said


def test_a_statement_that_fails_can_be_corrected(site: Site) -> None:
    site.session.execute("CREATE TABLE b (x int)")
    site.write("0001_two.expand.sql", TWO)
    assert site.run("expand") == 1
    assert "refused CREATE TABLE b (x int)" in site.said
    # PostgreSQL takes the whole file back
    assert site.tables() == (["b"] if site.postgres else ["a", "b"])
    assert site.run("status") == 0
    assert "step 2 failed" in site.said
    assert "schema: expand failed since" in site.said
    site.write("0001_two.expand.sql", TWO.replace("TABLE b", "TABLE c"))
    assert site.run("expand") == 0, site.said
    assert site.tables() == ["a", "b", "c"]


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_an_index_that_was_left_invalid_is_built_again(site: Site) -> None:
    site.session.execute("CREATE TABLE t (x int)")
    site.session.execute("INSERT INTO t VALUES (1), (1)")
    site.write(
        "0001_i.expand.sql",
        "-- orchestrator: safe because all values differ\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (x)",
    )
    assert site.run("expand") == 1
    invalid = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('i') AND NOT indisvalid"
    assert site.session.query(invalid) == [(1,)]
    site.session.execute("DELETE FROM t")
    assert site.run("expand") == 0, site.said
    assert "the index i is invalid, because building it has failed: dropping it" in site.said
    assert site.session.query(invalid) == []
    assert site.session.query("SELECT to_regclass('i') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_an_index_waits_for_old_transactions_and_names_them(site: Site) -> None:
    site.session.execute("CREATE TABLE t (x int)")
    site.write("0001_i.expand.sql", "CREATE INDEX CONCURRENTLY i ON t (x)")
    with connect(site.url) as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.query("SELECT count(*) FROM t")
        assert site.run("expand", "--patience", "1") == 1
        assert f"another session holds a lock: session {other.id} (" in site.said
        other.execute("COMMIT")
    assert site.run("expand") == 0, site.said


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_an_index_that_is_built_anew_waits_and_leaves_no_other(site: Site) -> None:
    site.session.execute("CREATE TABLE t (x int)")
    site.session.execute("CREATE INDEX i ON t (x)")
    site.write("0001_i.expand.sql", "REINDEX INDEX CONCURRENTLY i")
    begun = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'REINDEX%' AND state = 'active'"
    with connect(site.url) as other, connect(site.url) as watch:

        def commit() -> None:
            while not watch.query(begun):
                time.sleep(0.05)
            # an attempt of another statement waits less for a lock
            time.sleep(2)
            other.execute("COMMIT")

        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.query("SELECT count(*) FROM t")
        end = threading.Thread(target=commit, daemon=True)
        end.start()
        assert site.run("expand") == 0, site.said
        end.join()
    assert site.session.query("SELECT relname FROM pg_class WHERE relname LIKE 'i%' AND relkind = 'i'") == [("i",)]


def test_a_blocked_statement_gives_up_and_goes_on_later(site: Site) -> None:
    site.session.execute("CREATE TABLE t (x int)")
    site.write("0001_t.expand.sql", "ALTER TABLE t ADD COLUMN y int")
    with connect(site.url) as other:
        other.execute("BEGIN")
        other.query("SELECT count(*) FROM t")
        assert site.run("expand", "--patience", "1") == 1
        assert f"another session holds a lock: {'' if site.postgres else 'perhaps '}session {other.id} (" in site.said
        other.execute("COMMIT")
    assert site.run("expand") == 0, site.said


# a step without a result


def started(site: Site) -> None:
    """A file, whose statement was sent to the server by a run that was then killed."""
    site.write("0001_a.expand.sql", "CREATE TABLE a (x int)")
    assert site.run("expand") == 0
    site.session.execute("UPDATE deploy_schema_steps SET state = 'started'")


def test_a_step_without_a_result_stops_all_commands(site: Site) -> None:
    started(site)
    for verb in ("plan", "expand", "contract"):
        assert site.run(verb) == 3
        assert "step 1 of 0001_a.expand.sql was started by run" in site.said
        assert "orchestrator db resolve --done" in site.said
    assert site.run("status") == 0
    assert "step 1 was started and has no result" in site.said


def test_the_catalog_says_what_became_of_a_step(site: Site) -> None:
    started(site)
    seen = "step 1 of 0001_a.expand.sql: the table a exists: run orchestrator db resolve --done"
    assert site.run("resolve") == 3
    assert site.said == f"orchestrator db resolve: {seen}\n"
    assert site.run("status") == 0
    assert f"{seen}\n" in site.said
    site.session.execute("DROP TABLE a")
    assert site.run("resolve") == 3
    assert "step 1 of 0001_a.expand.sql: there is no table a: run orchestrator db resolve --retry" in site.said
    assert site.run("expand") == 3
    assert "has no result" in site.said
    site.session.execute("UPDATE deploy_schema_steps SET statement = 'INSERT INTO a VALUES (1)'")
    assert site.run("resolve") == 3
    assert "the catalog of the server cannot tell whether the statement was carried out" in site.said
    assert site.run("resolve", "--retry") == 0
    assert site.run("resolve") == 0
    assert site.said.startswith("nothing to resolve")


def test_a_step_without_a_result_is_resolved(site: Site) -> None:
    started(site)
    assert site.run("resolve", "--done") == 0
    assert site.said == "step 1 of 0001_a.expand.sql: done\n"
    assert site.run("expand") == 0
    assert site.said == "expand: nothing to do\n"
    assert site.run("resolve", "--done") == 0
    assert site.said.startswith("nothing to resolve")
    started(site)
    site.session.execute("DROP TABLE a")
    assert site.run("resolve", "--retry") == 0
    assert site.run("expand") == 0, site.said
    assert site.tables() == ["a"]


# several commands at once


def test_six_commands_at_once_migrate_once(site: Site) -> None:
    site.write("0001_a.expand.sql", "CREATE TABLE a (x int)")
    site.write("0002_r.expand.sql", "-- orchestrator: safe because the table is new\nINSERT INTO a VALUES (1)")
    ends: list[int] = []
    site.capture.readouterr()
    threads = [
        threading.Thread(target=lambda: ends.append(main(site.command("expand", "--wait", "120")))) for _ in range(6)
    ]
    # signals are for the main thread
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrator.migrate.stop.SIGNALS", ())
        for one in threads:
            one.start()
        for one in threads:
            one.join(180)
    said = site.capture.readouterr().out.splitlines()
    assert ends == [0] * 6, said
    assert said.count("expand: 2 steps done") == 1
    assert said.count("expand: nothing to do") == 5
    assert site.session.query("SELECT x FROM a") == [(1,)]


def test_a_second_command_names_the_first(site: Site) -> None:
    site.write("0001_a.expand.sql", "CREATE TABLE a (x int)")
    with connect(site.url) as other, other.lock(SCHEMA_LOCK):
        for options in ((), ("--wait", "0.2")):
            assert site.run("expand", *options) == 3
            assert f"session {other.id} (user {site.url.user} from " in site.said
        assert site.run("status") == 0
        assert f"at present changed by session {other.id} (" in site.said
        assert site.run("unlock") == 3
        assert f"session {other.id} (" in site.said
        assert site.tables() == []
        assert site.run("unlock", "--yes") == 0
        assert site.run("expand", "--wait", "60") == 0, site.said
    assert site.run("unlock") == 0
    assert site.said == "no session changes the schema or runs a backfill\n"


def stall(site: Site, held: float) -> tuple[float, int]:
    """Let an idle transaction hold a table while ``expand`` changes the table, and while four sessions use the table.

    Return the seconds of the longest query of these sessions, and the number of queries.
    """
    site.session.execute("CREATE TABLE t (x int PRIMARY KEY)")
    site.session.execute("INSERT INTO t VALUES (1)")
    site.write("0001_t.expand.sql", "ALTER TABLE t ADD COLUMN y int")
    stop, times = threading.Event(), [[0.0] for _ in range(4)]

    def use(session: Connection, own: list[float]) -> None:
        while not stop.is_set():
            began = time.monotonic()
            session.execute("UPDATE t SET x = x" if len(own) % 10 == 0 else "SELECT x FROM t")
            own.append(time.monotonic() - began)
            stop.wait(0.005)

    with ExitStack() as opened:
        threads = [threading.Thread(target=use, args=(opened.enter_context(connect(site.url)), own)) for own in times]
        for own_session in (one._args[0] for one in threads):  # type: ignore[attr-defined]
            wait = "lock_timeout = 0" if site.postgres else "lock_wait_timeout = 600"
            own_session.execute(f"SET {wait}")
        other = opened.enter_context(connect(site.url))
        other.execute("BEGIN")
        other.query("SELECT count(*) FROM t")
        timer = threading.Timer(held, lambda: other.execute("COMMIT"))
        for one in (*threads, timer):
            one.start()
        status = site.run("expand", "--patience", "120")
        stop.set()
        for one in (*threads, timer):
            one.join(60)
    assert status == 0, site.said
    assert "waits for a lock, attempt 1" in site.said
    assert f"session {other.id} (" in site.said
    return max(map(max, times)), sum(map(len, times))


def test_an_idle_transaction_blocks_no_query_for_long(site: Site) -> None:
    longest, count = stall(site, 3)
    print(f"{site.url.engine}: longest of {count} queries {longest:.2f} s")
    assert longest < 2.5
    assert count > 100


@pytest.mark.slow
def test_the_longest_wait_behind_an_idle_transaction(site: Site) -> None:
    longest, count = stall(site, 12)
    print(f"{site.url.engine}: longest of {count} queries {longest:.3f} s")
    assert longest <= 1


# what the operator reads


def test_a_password_in_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expand", "--url", "postgres://app:s3cr3t-word@db1/shop", "db"]) == 2
    said = capsys.readouterr()
    assert "list of processes" in said.err
    assert "s3cr3t-word" not in said.out + said.err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["expand"],
        ["expand", "--url", "env:NOWHERE", "db"],
        ["expand", "--url", "postgres://app@db1/shop", "/nowhere"],
        ["expand", "--url", "postgres://app@db1/shop", "--wait", "-1", "db"],
        ["resolve", "--done", "--retry"],
    ],
)
def test_wrong_arguments_end_with_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err


def test_an_unreachable_server_ends_with_status_3(site: Site) -> None:
    site.url = replace(site.url, port=1)
    assert site.run("expand") == 3
    assert site.said.count("\n") == 1
    assert site.said.startswith("orchestrator db expand: the database server 127.0.0.1:1 does not answer")


def test_a_killed_session_is_one_line(site: Site) -> None:
    """The database server ends the session during a statement: nothing is run again without an answer."""
    sleep = "pg_sleep(60)" if site.postgres else "sleep(60)"
    site.write("0001_s.expand.sql", f"-- orchestrator: safe because it only sleeps\nSELECT {sleep}")
    ended: list[int] = []

    def end() -> None:
        # ends the session as soon as it sleeps
        while not ended:
            running = site.session.query(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%%' AND state = 'active'"
                " AND datname = current_database()"
                if site.postgres
                else "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT sleep%' AND db = database()"
            )
            for (number,) in running:
                site.session.end(number)
                ended.append(number)

    thread = threading.Thread(target=end)
    thread.start()
    assert site.run("expand") == 1
    thread.join(60)
    assert "the connection to" in site.said
    assert "may have carried out the statement" in site.said
    if not site.postgres:
        assert site.run("expand") == 3
        assert "orchestrator db resolve" in site.said


def test_a_user_without_rights_changes_nothing(server: Server, site: Site) -> None:
    name = f"r{site.url.database}"
    if site.postgres:
        site.session.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        site.session.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    else:
        site.session.execute(f"CREATE USER {name}@'127.0.0.1'")
        site.session.execute(f"GRANT SELECT ON {site.url.database}.* TO {name}@'127.0.0.1'")
    site.write("0001_a.expand.sql", "CREATE TABLE a (x int)")
    site.url = replace(site.url, user=name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP", f"{server.engine}://{name}:x@127.0.0.1:{server.port}/{site.url.database}")
        if not site.postgres:
            patch.setenv("SHOP", f"{server.engine}://{name}@127.0.0.1:{server.port}/{site.url.database}")
        assert main(["expand", "--url", "env:SHOP", str(site.directory)]) == 1
    said = site.capture.readouterr().err
    assert "does not allow this" in said
    assert said.count("\n") == 1
    assert site.tables() == []

"""The process of ``db expand`` is killed: the next command tells the state and goes on, and nothing runs twice."""

from __future__ import annotations

import os
import signal

import pytest

from orchestrator.migrate.command import main
from tests.migrate.conftest import Site
from tests.migrate.crash import killed_at

SAFE = "-- orchestrator: safe because this is a test"


def truth(site: Site, statement: str) -> bool:
    """Whether the server has carried out a statement, as an operator would find out."""
    if statement.startswith("CREATE TABLE"):
        return "a" in site.tables()
    if statement.startswith("INSERT"):
        return site.session.query("SELECT x FROM a") != []
    if site.postgres:
        return site.session.query("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('i') AND indisvalid") != []
    return site.session.query("SHOW INDEX FROM a") != []


def go_on(site: Site) -> bool:
    """Run the next command, as an operator would. Return whether a step had no result."""
    first = site.run("expand", "--wait", "60")
    if first == 0:
        return False
    assert first == 3, site.said
    assert "has no result: look in the database" in site.said
    (statement,) = site.session.query("SELECT statement FROM deploy_schema_steps WHERE state = 'started'")
    known = "--done" if truth(site, statement[0]) else "--retry"
    assert site.run("resolve") == 3
    unknown = statement[0].startswith("INSERT")
    assert ("cannot tell" if unknown else f"run orchestrator db resolve {known}\n") in site.said
    assert site.run("resolve", known) == 0, site.said
    assert site.run("expand", "--wait", "60") == 0, site.said
    return True


def crash_at(site: Site, points: range) -> tuple[int, int, int]:
    """Crash at each point until the command ends. Return the numbers of crashes, unclear steps and calls."""
    unclear = 0
    for crashes, point in enumerate(points):
        for table in (*site.tables(), "deploy_schema_steps", "deploy_schema_state"):
            site.session.execute(f"DROP TABLE IF EXISTS {table}")
        if not killed_at(site.command("expand", "--wait", "60"), (point + 1) // 2, before=point % 2 == 1):
            return crashes, unclear, (point + 1) // 2
        unclear += go_on(site)
        assert site.tables() == ["a"]
        assert site.session.query("SELECT x FROM a") == [(1,)]
        assert truth(site, "CREATE INDEX")
        assert site.run("expand") == 0
        assert site.said == "expand: nothing to do\n"
    raise AssertionError(f"the command made more than {points.stop // 2} calls")


@pytest.fixture
def files(site: Site) -> Site:
    site.write("0001_a.expand.sql", f"CREATE TABLE a (x int);\n{SAFE}\nINSERT INTO a VALUES (1);\n")
    concurrently = "CONCURRENTLY " if site.postgres else ""
    site.write("0002_i.expand.sql", f"{SAFE}\nCREATE INDEX {concurrently}i ON a (x)")
    return site


def test_a_command_killed_at_some_calls_is_completed_once(files: Site) -> None:
    crashes, unclear, calls = crash_at(files, range(1, 400, 15))
    print(f"{files.url.engine}: {crashes} crashes at {calls} calls, {unclear} steps without a result")
    assert crashes >= 5


@pytest.mark.slow
def test_a_command_killed_at_any_call_is_completed_once(files: Site) -> None:
    crashes, unclear, calls = crash_at(files, range(1, 400))
    print(f"{files.url.engine}: {crashes} crashes at {calls} calls, {unclear} steps without a result")
    assert crashes >= 2 * 30
    assert 0 < unclear < crashes / 2


def expanding(site: Site, begin: str) -> int:
    """Start `expand` in a child process, and wait until the server runs a statement. Return the id of the process.

    + begin: the begin of the statement
    """
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os._exit(main(site.command("expand")))
    running = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s AND state = 'active' AND datname = current_database()"
        if site.postgres
        else "SELECT 1 FROM information_schema.processlist WHERE info LIKE %s AND db = database()"
    )
    while not site.session.query(running, (f"{begin}%",)):
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    return child


def test_a_command_killed_during_a_statement_runs_it_once(site: Site) -> None:
    made = (
        "CREATE TABLE a AS SELECT 1 AS x FROM pg_sleep(3)" if site.postgres else "CREATE TABLE a SELECT sleep(3) AS x"
    )
    site.write("0001_a.expand.sql", f"{SAFE}\n{made}")
    child = expanding(site, "CREATE TABLE a ")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    # the server still works on the statement of the dead process, and keeps the lock
    assert site.run("expand") == 3
    assert "changes the schema of" in site.said
    assert "CREATE TABLE a" in site.said
    if site.postgres:
        # the server takes the statement back, because nobody commits its transaction
        assert site.run("expand", "--wait", "120") == 0, site.said
        assert "done: CREATE TABLE a" in site.said
    else:
        assert site.run("expand", "--wait", "120") == 3
        assert "has no result" in site.said
        assert site.tables() == ["a"]
        assert site.run("resolve", "--done") == 0
        assert site.run("expand") == 0
        assert site.said == "expand: nothing to do\n"
    assert site.tables() == ["a"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_after_the_statement(site: Site, number: signal.Signals) -> None:
    # long enough that a busy machine sees the first statement run
    sleep = "SELECT pg_sleep(5)" if site.postgres else "SELECT sleep(5)"
    site.write("0001_a.expand.sql", f"{SAFE}\n{sleep}")
    site.write("0002_b.expand.sql", f"{SAFE}\nSELECT 2")
    child = expanding(site, sleep[: sleep.index("(")])
    os.kill(child, number)
    _, how = os.waitpid(child, 0)
    assert os.WEXITSTATUS(how) == 128 + number
    assert site.run("status") == 0
    assert "0001_a.expand.sql: done\n0002_b.expand.sql: pending\n" in site.said
    assert "schema: expand failed" in site.said

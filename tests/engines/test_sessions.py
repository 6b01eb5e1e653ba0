"""Sessions at real servers: statements, transactions, locks and errors."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.database.model import Engine
from orchestrator.engines import connect
from orchestrator.engines.base import Connection
from orchestrator.engines.trouble import statement_failed
from orchestrator.engines.url import DatabaseUrl, read
from orchestrator.errors import Blocked, CannotConnect, ConnectionLost, LockBusy, StatementFailed, UsageError
from tests.engines.servers import ROOT, Server, own_server


@pytest.fixture
def session(database: DatabaseUrl) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


def user(server: Server, database: DatabaseUrl, rights: str) -> DatabaseUrl:
    """The URL for a new user of a database with a password, and with some rights."""
    name = f"u{database.database}"
    with server.connect(database.database) as admin:
        if server.engine is Engine.POSTGRES:
            admin.execute(f"DROP ROLE IF EXISTS {name}")
            admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'pass-word-1'")
            admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        else:
            admin.execute(f"CREATE OR REPLACE USER {name}@'127.0.0.1' IDENTIFIED BY 'pass-word-1'")
            admin.execute(f"GRANT {rights} ON {database.database}.* TO {name}@'127.0.0.1'")
    return replace(database, user=name, password="pass-word-1")


@contextmanager
def holding(database: DatabaseUrl, table: str) -> Iterator[Connection]:
    """A session with an idle transaction that has read a table."""
    with connect(database) as other:
        other.execute("BEGIN")
        other.query(f"SELECT count(*) FROM {table}")
        yield other


def test_a_session_runs_statements_as_they_are(session: Connection) -> None:
    session.execute("CREATE TABLE t (a varchar(20))")
    session.execute("INSERT INTO t VALUES ('100%s é€')")
    assert session.query("SELECT a FROM t") == [("100%s é€",)]
    assert session.query("SELECT a FROM t WHERE a LIKE %s", ("100%",)) == [("100%s é€",)]


def test_a_session_knows_itself(server: Server, session: Connection) -> None:
    assert session.engine is server.engine
    assert session.version.partition(".")[0].isdecimal()
    name = "pg_backend_pid()" if server.engine is Engine.POSTGRES else "connection_id()"
    assert session.query(f"SELECT {name}") == [(session.id,)]


def test_a_url_for_mysql_may_lead_to_mariadb(mariadb: Server) -> None:
    with connect(read(mariadb.url().replace("mariadb:", "mysql:"), {})) as session:
        assert session.engine is Engine.MARIADB


def test_a_transaction_is_kept_whole_or_not_at_all(session: Connection) -> None:
    session.execute("CREATE TABLE t (a int PRIMARY KEY)")
    with session.transaction():
        session.execute("INSERT INTO t VALUES (1)")

    def again() -> None:
        with session.transaction():
            session.execute("INSERT INTO t VALUES (2)")
            session.execute("INSERT INTO t VALUES (1)")

    with pytest.raises(StatementFailed):
        again()
    assert session.query("SELECT a FROM t") == [(1,)]


def test_a_session_goes_through_a_unix_socket(server: Server, database: DatabaseUrl) -> None:
    path = server.home if server.engine is Engine.POSTGRES else server.home / "server.sock"
    with connect(replace(database, host="nowhere.invalid", socket=str(path))) as session:
        assert session.query("SELECT 1") == [(1,)]


def test_a_session_goes_through_a_tunnel(server: Server, database: DatabaseUrl) -> None:
    far = replace(database, host="nowhere.invalid", port=1)
    path = str(server.home if server.engine is Engine.POSTGRES else server.home / "server.sock")
    for through in (("127.0.0.1", server.port), path):
        with connect(replace(far, port=server.port), through) as session, session.another() as again:
            assert again.query("SELECT 1") == [(1,)]


def test_a_lock_is_held_by_one_session(database: DatabaseUrl, session: Connection) -> None:
    assert session.holder("expand") is None
    with connect(database) as other, other.lock("expand") as got:
        assert got
        with session.lock("expand") as second, session.lock("contract") as another:
            assert (second, another) == (False, True)
        with session.lock("expand", wait=0.2) as second:
            assert not second
        holder = session.holder("expand")
        assert holder is not None
        assert (holder.id, holder.user) == (other.id, database.user)
        assert str(holder).startswith(f"session {other.id} (user {database.user} from ")
    with session.lock("expand", wait=60) as got:
        assert got


def test_a_lock_is_of_one_database(server: Server, session: Connection) -> None:
    with session.lock("expand"), server.connect(server.new_database()) as other, other.lock("expand") as got:
        assert got


def test_a_waiting_session_gets_the_lock_of_a_killed_process(database: DatabaseUrl, session: Connection) -> None:
    code = (
        "import sys, time; from orchestrator.engines import connect; from orchestrator.engines.url import read\n"
        "with connect(read('env:URL', {'URL': sys.argv[1]})).lock('expand'): print('held', flush=True); time.sleep(600)"
    )
    url = f"{database.engine}://{database.user}@127.0.0.1:{database.port}/{database.database}"
    with subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with session.lock("expand") as got:
            assert not got
        killer = threading.Timer(0.2, process.kill)
        killer.start()
        with session.lock("expand", wait=60) as got:
            assert got
        killer.join()


def test_a_statement_waits_for_a_lock_only_shortly(server: Server, database: DatabaseUrl, session: Connection) -> None:
    session.execute("CREATE TABLE t (a int)")
    with holding(database, "t"), pytest.raises(LockBusy) as busy:
        session.execute("ALTER TABLE t ADD COLUMN b int")
    assert busy.value.code == ("55P03" if server.engine is Engine.POSTGRES else "1205")


def test_a_statement_that_waits_too_long_is_ended(server: Server, database: DatabaseUrl, session: Connection) -> None:
    """In PostgreSQL the server ends the wait; in MariaDB a second session does, long before the server would."""
    session.execute("CREATE TABLE t (a int)")

    def attempt() -> None:
        if server.engine is Engine.MARIADB:
            session.execute("SET lock_wait_timeout = 30")
        session.execute("ALTER TABLE t ADD COLUMN b int")

    with holding(database, "t") as other, pytest.raises(Blocked) as blocked:
        session.retry(attempt, "the change", patience=0, watch=True)
    assert blocked.value.code == ("55P03" if server.engine is Engine.POSTGRES else "1317")
    assert f"session {other.id} (" in str(blocked.value)
    session.execute("ALTER TABLE t ADD COLUMN b int")


def test_a_statement_that_others_end_is_not_tried_again(database: DatabaseUrl, session: Connection) -> None:
    with connect(database) as other:
        statement = "SELECT pg_cancel_backend(%s)" if session.engine is Engine.POSTGRES else "KILL QUERY %s"
        timer = threading.Timer(0.5, lambda: other.query(statement, (session.id,)))
        timer.start()
        asleep = (
            "SELECT pg_sleep(60)" if session.engine is Engine.POSTGRES else "SELECT 1 FROM (SELECT sleep(60) AS s) AS t"
        )
        with pytest.raises(StatementFailed) as failed:
            session.retry(lambda: session.execute(asleep), "the query", watch=True)
        timer.join()
    assert failed.value.code == ("57014" if session.engine is Engine.POSTGRES else "1317")


def test_a_blocked_statement_is_tried_again(database: DatabaseUrl, session: Connection) -> None:
    session.execute("CREATE TABLE t (a int)")
    lines: list[str] = []
    with holding(database, "t") as other:

        def tell(line: str) -> None:
            lines.append(line)
            if len(lines) == 2:
                other.execute("COMMIT")

        session.run("ALTER TABLE t ADD COLUMN b int", patience=60, tell=tell)
        assert session.query("SELECT b FROM t") == []
        assert len(lines) >= 2
        assert f"session {other.id} (user {database.user}" in lines[1]
        assert "idle in transaction" in lines[1]


def test_a_statement_that_gives_up_names_the_blocker(database: DatabaseUrl, session: Connection) -> None:
    session.execute("CREATE TABLE t (a int)")
    with holding(database, "t") as other, pytest.raises(Blocked) as blocked:
        session.run("ALTER TABLE t ADD COLUMN b int", patience=1)
    said = str(blocked.value)
    assert "gave up ALTER TABLE t ADD COLUMN b int" in said
    assert f"session {other.id} (user {database.user}" in said
    with pytest.raises(StatementFailed):
        session.query("SELECT b FROM t")


def test_a_blocker_of_another_user_is_named(server: Server, database: DatabaseUrl) -> None:
    """A user without the right PROCESS sees only its own sessions in MariaDB."""
    with server.connect(database.database) as admin:
        admin.execute("CREATE TABLE t (a int)")
        plain = user(server, database, "ALL")
        if server.engine is Engine.POSTGRES:
            admin.execute(f"ALTER TABLE t OWNER TO {plain.user}")
        with connect(plain) as session, holding(database, "t") as other, pytest.raises(Blocked) as blocked:
            session.run("ALTER TABLE t ADD COLUMN b int", patience=1)
    known = f"session {other.id} (user " if server.engine is Engine.POSTGRES else "the server does not say which (only"
    assert known in str(blocked.value)


def test_only_errors_of_locks_are_tried_again(session: Connection) -> None:
    lines: list[str] = []
    with pytest.raises(StatementFailed):
        session.run("ALTER TABLE nowhere ADD COLUMN b int", tell=lines.append)
    assert lines == []


def test_a_deadlock_is_an_error_of_a_lock(database: DatabaseUrl, session: Connection) -> None:
    session.execute("CREATE TABLE t (a int PRIMARY KEY, b int)")
    session.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
    busy: list[LockBusy] = []

    def change(own: Connection, first: int, second: int, met: threading.Barrier) -> None:
        # neither session gives up before the server sees the deadlock
        name = "lock_timeout = '60s'" if own.engine is Engine.POSTGRES else "innodb_lock_wait_timeout = 60"
        own.execute(f"SET {name}")
        try:
            with own.transaction():
                own.query("UPDATE t SET b = 1 WHERE a = %s", (first,))
                met.wait(60)
                own.query("UPDATE t SET b = 1 WHERE a = %s", (second,))
        except LockBusy as error:
            busy.append(error)

    with connect(database) as other:
        met = threading.Barrier(2)
        thread = threading.Thread(target=change, args=(other, 2, 1, met))
        thread.start()
        change(session, 1, 2, met)
        thread.join(60)
    assert [error.code for error in busy] == ["40P01" if session.engine is Engine.POSTGRES else "1213"]


# what the operator reads: one line each


def refused(url: DatabaseUrl) -> str:
    with pytest.raises(CannotConnect) as error:
        connect(url)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    said = str(error.value)
    assert "\n" not in said
    assert url.password == "" or url.password not in said
    return said


def test_an_unreachable_server_is_named(database: DatabaseUrl) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert f"server 127.0.0.1:{port} does not answer" in refused(replace(database, port=port))


def test_a_silent_server_is_unreachable(database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.engines.mariadb.CONNECT", 0.2)
    monkeypatch.setattr("orchestrator.engines.postgres.CONNECT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert f"server 127.0.0.1:{port} does not answer" in refused(replace(database, port=port))


def test_a_greenlet_can_give_up_a_silent_server(server: Server) -> None:
    """A run gives each place a deadline, also while the place waits for a database server."""
    code = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import gevent, sys; from orchestrator.engines import connect; from orchestrator.engines.url import read\n"
        "try:\n"
        "    with gevent.Timeout(0.5): connect(read(sys.argv[1], {}))\n"
        "except gevent.Timeout: print('given up')"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{server.engine}://x@127.0.0.1:{silent.getsockname()[1]}/x"
        done = subprocess.run([sys.executable, "-c", code, url], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "given up\n"


def test_an_unknown_host_is_named(database: DatabaseUrl) -> None:
    assert "server nowhere.invalid:1 does not answer" in refused(replace(database, host="nowhere.invalid", port=1))


def test_a_wrong_password_is_one_line(server: Server, database: DatabaseUrl) -> None:
    plain = user(server, database, "ALL")
    wrong = replace(plain, password="wrong-word-2", source="SHOP")
    assert f"refused the password of the user {plain.user}: correct user and password in SHOP" in refused(wrong)


def test_an_unknown_database_is_one_line(database: DatabaseUrl) -> None:
    assert "has no database nowhere" in refused(replace(database, database="nowhere"))


def test_a_user_without_rights_is_one_line(server: Server, database: DatabaseUrl) -> None:
    plain = user(server, database, "SELECT")
    with connect(plain) as session, pytest.raises(StatementFailed) as error:
        session.execute("CREATE TABLE t (a int)")
    assert "does not allow this" in str(error.value)
    assert f"grant the user {plain.user} the right" in str(error.value)


@pytest.mark.parametrize("engine", [Engine.POSTGRES, Engine.MARIADB])
def test_a_read_only_server_is_one_line(engine: Engine, tmp_path: Path) -> None:
    postgres = engine is Engine.POSTGRES
    with own_server(engine, tmp_path) as server:
        database = read(server.url(server.new_database()), {})
        # read_only of MariaDB does not bind administrators
        used = database if postgres else user(server, database, "ALL")
        with server.connect() as admin:
            admin.execute(
                f"ALTER DATABASE {database.database} SET default_transaction_read_only = on"
                if postgres
                else "SET GLOBAL read_only = 1"
            )
        with connect(used) as session, pytest.raises(StatementFailed) as error:
            session.execute("CREATE TABLE t (a int)")
    assert "is read-only" in str(error.value)
    assert "connect to the primary server" in str(error.value)


def test_a_full_disk_is_one_line(session: Connection) -> None:
    """A statement raises the error of the server for a full disk."""
    full = (
        "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        if session.engine is Engine.POSTGRES
        else "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'"
    )
    with pytest.raises(StatementFailed) as error:
        session.execute(full)
    assert "has no space left on its disk" in str(error.value)
    assert "free space there, and run the command again" in str(error.value)


def test_a_server_that_stops_for_lack_of_space_is_one_line() -> None:
    """PostgreSQL ends all sessions if there is no space for its log."""
    said = 'PANIC: could not write to file "pg_wal/xlogtemp.1": No space left on device\nserver closed the connection'
    error = statement_failed(read("postgres://app@db1/shop", {}), "CREATE TABLE t (a int)", "", said, lost=True)
    assert isinstance(error, ConnectionLost)
    assert "free space on the disk of the server first; the server may have carried out the statement" in str(error)
    assert "\n" not in str(error)


def test_a_full_directory_of_temporary_files_is_one_line() -> None:
    said = "Got error 59 'Temp file write failure' from InnoDB"
    error = statement_failed(read("mariadb://app@db1/shop", {}), "CREATE TABLE t (a int)", "1296", said, lost=False)
    assert "has no space left on its disk" in str(error)


def test_a_killed_session_is_a_lost_connection(database: DatabaseUrl, session: Connection) -> None:
    postgres = session.engine is Engine.POSTGRES
    with connect(database) as other:
        kill = f"SELECT pg_terminate_backend({session.id})" if postgres else f"KILL {session.id}"
        killer = threading.Timer(0.2, lambda: other.execute(kill))
        killer.start()
        with pytest.raises(ConnectionLost) as error:
            session.execute("SELECT pg_sleep(60)" if postgres else "SELECT sleep(60)")
        killer.join()
        assert "may have carried out the statement" in str(error.value)
        with pytest.raises(ConnectionLost):
            session.execute("SELECT 1")


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "orchestrator.engines.postgres", raising=False)
    with pytest.raises(UsageError, match=r'run pip install "blue-green-orchestrator\[postgres\]"'):
        connect(read("postgres://app@db1/shop", {}))
    monkeypatch.setitem(sys.modules, "pymysql", None)
    monkeypatch.delitem(sys.modules, "orchestrator.engines.mariadb", raising=False)
    with pytest.raises(UsageError, match=r'run pip install "blue-green-orchestrator\[mysql\]"'):
        connect(read("mysql://app@db1/shop", {}))


def test_importing_the_package_imports_no_driver() -> None:
    code = "import sys, orchestrator.engines; assert not {'psycopg', 'pymysql', 'sqlglot'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# the servers of the tests


def test_the_server_ends_with_the_process_of_the_tests(tmp_path: Path) -> None:
    from tests.engines.servers import start

    with subprocess.Popen(["sleep", "600"]) as owner:
        server = start(Engine.MARIADB, tmp_path, owner.pid)
        gone = os.pidfd_open(server.pid)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert select.select([gone], [], [], 60)[0]
        os.close(gone)

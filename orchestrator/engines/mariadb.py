"""Sessions at MariaDB and MySQL. Tested with MariaDB 10.11; not tested with MySQL."""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.engines.base import CONNECT, Connection, Session, Through
from orchestrator.engines.trouble import cannot_connect, statement_failed
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import StatementFailed

LOCK_TIMEOUT = 1
"""Seconds that a statement waits for a lock, if it waits at all. MySQL accepts no shorter time."""
OLD = 1.0
"""Seconds. If a transaction is older, this session does not wait for its end, because queries would wait behind this
session.
"""
LONGEST_NAME = 64
"""Characters of the longest name of a lock in MySQL."""

_METADATA = """
SELECT DISTINCT p.id, p.user, p.host, p.command, p.time, coalesce(p.info, '')
FROM performance_schema.metadata_locks AS pending
JOIN performance_schema.threads AS us ON us.thread_id = pending.owner_thread_id AND us.processlist_id = %s
JOIN performance_schema.metadata_locks AS held ON held.lock_status = 'GRANTED'
    AND held.object_type = pending.object_type
    AND held.object_schema <=> pending.object_schema AND held.object_name <=> pending.object_name
    AND held.owner_thread_id <> pending.owner_thread_id
JOIN performance_schema.threads AS them ON them.thread_id = held.owner_thread_id
JOIN information_schema.processlist AS p ON p.id = them.processlist_id
WHERE pending.lock_status = 'PENDING'
"""
_WAITING = """
SELECT id FROM information_schema.processlist WHERE id = %s AND state LIKE 'Waiting for%%lock'
"""
_TRANSACTIONS = """
SELECT p.id, p.user, p.host, if(p.command = 'Sleep', 'idle in transaction', p.command),
    timestampdiff(MICROSECOND, t.trx_started, now(6)) / 1e6, coalesce(t.trx_query, p.info, '')
FROM information_schema.innodb_trx AS t JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id
WHERE p.id <> %s AND p.id <> connection_id() ORDER BY t.trx_started
"""
_RUNNING = """
SELECT id, user, host, command, time, coalesce(info, '') FROM information_schema.processlist
WHERE id <> %s AND id <> connection_id() AND (db = database() OR db IS NULL) AND command IN ('Query', 'Execute')
    AND time >= 1 AND state NOT LIKE 'Waiting for%%' ORDER BY time DESC
"""


class MariaDB(Connection):
    """A session at MariaDB or MySQL."""

    blind = " (only a user with the right PROCESS sees the sessions of other users)"

    def __init__(self, url: DatabaseUrl, through: Through = None) -> None:
        super().__init__(url, through)
        link = _dial(url, through)
        try:
            self._driver: Any = pymysql.connect(
                host=url.host,
                port=url.port,
                user=url.user or None,
                # PyMySQL would encode a text in latin1
                password=url.password.encode(),
                database=url.database,
                charset="utf8mb4",
                autocommit=True,
                defer_connect=True,
                **_tls(url, through),
            )
            self._driver.connect(link)
        except (pymysql.Error, OSError, ssl.SSLError) as error:
            link.close()
            raise cannot_connect(url, *_said(error)) from None
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self.id, self.version, mode = self.query("SELECT connection_id(), version(), @@sql_mode")[0]
        self.engine = Engine.MARIADB if "mariadb" in self.version.lower() else Engine.MYSQL
        words = {"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"} & set(mode.split(","))
        if words:
            raise StatementFailed(
                f"the database {self.url} has {' and '.join(sorted(words))} in sql_mode, so that texts in SQL files"
                " would be read differently: remove this from the sql_mode of the server"
            )
        self.execute(f"SET lock_wait_timeout = {LOCK_TIMEOUT}, innodb_lock_wait_timeout = {LOCK_TIMEOUT}")
        self.execute("SET wait_timeout = 86400")
        if self.engine is Engine.MARIADB:
            self.execute("SET max_statement_time = 0, idle_transaction_timeout = 0")

    @override
    def query(self, statement: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._driver.cursor() as cursor:
                cursor.execute(statement, tuple(params) or None)
                rows = list(cursor.fetchall()) if cursor.description else []
                while cursor.nextset():
                    pass
                return rows
        except (pymysql.Error, OSError) as error:
            raise statement_failed(self.url, statement, *_said(error), not self._driver.open) from None

    @override
    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("START TRANSACTION")
        try:
            yield
        except BaseException:
            with suppress(pymysql.Error, OSError):  # if the connection is broken, the server rolls back
                self._driver.rollback()
            raise
        self.execute("COMMIT")

    @override
    def close(self) -> None:
        with suppress(pymysql.Error, OSError):
            self._driver.close()

    @override
    def _take(self, name: str, wait: float) -> bool:
        return bool(self.query("SELECT GET_LOCK(%s, %s)", (self._name(name), wait))[0][0])

    @override
    def _give(self, name: str) -> None:
        self.query("SELECT RELEASE_LOCK(%s)", (self._name(name),))

    @override
    def holder(self, name: str) -> Session | None:
        holder = self.query("SELECT IS_USED_LOCK(%s)", (self._name(name),))[0][0]
        if holder is None:
            return None
        found = self.query(
            "SELECT id, user, host, command, time, coalesce(info, '') FROM information_schema.processlist"
            " WHERE id = %s",
            (holder,),
        )
        # without the right PROCESS, the list has only the sessions of the same user
        return _session(*found[0]) if found else Session(int(holder), "unknown", "", "", None, "")

    @override
    def end(self, session: int) -> None:
        self.execute(f"KILL {int(session)}")

    @override
    def blockers(self, waiting: int) -> tuple[bool, list[Session]]:
        for sure, statement in ((True, _METADATA), (False, _TRANSACTIONS), (False, _RUNNING)):
            with suppress(StatementFailed):  # a table that this server does not have, or that this user may not read
                found = self.query(statement, (waiting,))
                if found:
                    return sure, [_session(*row) for row in found]
        return False, []

    @override
    def waits_for_table(self, session: int) -> bool:
        return bool(self.query(_WAITING, (session,)))

    @override
    def end_statement(self, session: int) -> None:
        self.execute(f"KILL QUERY {int(session)}")

    @override
    def _wait_for_locks(self, attempt: int, blockers: Sequence[Session]) -> None:
        """Let the next attempt wait, or fail at once if another session holds a lock.

        Only MariaDB can fail at once, so that no query of the application waits behind the attempt. But on a table with
        many short queries, such an attempt may never succeed. Therefore every attempt except the first waits.
        Exception: if another session has an old transaction, waiting would not help, and the attempt fails at once.
        """
        at_once = self.engine is Engine.MARIADB and (attempt == 1 or any((one.age or 0) > OLD for one in blockers))
        self.execute(f"SET lock_wait_timeout = {0 if at_once else LOCK_TIMEOUT}")

    @override
    def hurry(self, brief: bool) -> None:
        at_once = brief and self.engine is Engine.MARIADB
        self.execute(f"SET innodb_lock_wait_timeout = {0 if at_once else LOCK_TIMEOUT}")

    @override
    def read_committed(self) -> None:
        if self.query("SELECT NOT @@log_bin OR @@binlog_format <> 'STATEMENT'")[0][0]:
            self.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def _name(self, name: str) -> str:
        """The name of a lock at the server. The locks of all databases of the server need different names."""
        whole = f"orchestrator:{self.url.database}:{name}"
        return whole if len(whole) <= LONGEST_NAME else hashlib.sha256(whole.encode()).hexdigest()


def _dial(url: DatabaseUrl, through: Through) -> socket.socket:
    """Connect to the server, or to the local end of a tunnel, and wait for the first byte of the server.

    PyMySQL itself would wait forever for a server that accepts connections and then sends nothing.
    """
    path = through if isinstance(through, str) else url.socket if through is None else ""
    address = through if isinstance(through, tuple) else (url.host, url.port)
    link = None
    try:
        if path:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(CONNECT)
            link.connect(path)
        else:
            link = socket.create_connection(address, CONNECT)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not select.select([link], [], [], CONNECT)[0]:
            raise TimeoutError("the server accepts connections, but says nothing")
        return link
    except OSError as error:
        if link is not None:
            link.close()
        raise cannot_connect(url, "", str(error)) from None


def _tls(url: DatabaseUrl, through: Through) -> dict[str, Any]:
    """The arguments of PyMySQL for TLS. Without the option ssl-mode, TLS is used if the server offers TLS."""
    local = bool(url.socket) and through is None
    mode = url.sslmode or ("verify_identity" if url.ca else "")
    if mode == "disabled" or (local and not mode):
        return {"ssl_disabled": True}
    if mode in ("", "preferred"):
        return {}
    try:
        context = ssl.create_default_context(cafile=url.ca or None)
        # with this flag, the certificates that MySQL makes for itself would be refused
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode == "verify_identity"
        if mode == "required":
            context.verify_mode = ssl.CERT_NONE
        if url.cert:
            context.load_cert_chain(url.cert, url.key or None)
    except (OSError, ssl.SSLError) as error:
        raise cannot_connect(url, "2026", f"a certificate cannot be read: {error}") from None
    return {"ssl": context}


def _session(number: object, user: str, client: str, state: str, age: object, query: str) -> Session:
    return Session(int(str(number)), user, client, "" if state == "Query" else state, float(str(age)), query)


def _said(error: Exception) -> tuple[str, str]:
    """Error number and text of an error of PyMySQL."""
    known = len(error.args) > 1 and isinstance(error, pymysql.Error)
    return (str(error.args[0]), str(error.args[1])) if known else ("", str(error))

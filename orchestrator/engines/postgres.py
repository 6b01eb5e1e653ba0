"""Sessions at PostgreSQL."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.engines.base import CONNECT, LOCK_TIMEOUT, Connection, Session, Through
from orchestrator.engines.trouble import cannot_connect, statement_failed
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import LockBusy

BRIEF = 50
"""Milliseconds that a batch of a backfill waits for the lock of a row, while it holds the locks of other rows."""
_SESSIONS = """
SELECT pid, coalesce(usename, ''), coalesce(nullif(application_name, ''), host(client_addr), ''), coalesce(state, ''),
    extract(epoch FROM clock_timestamp() - coalesce(xact_start, state_change, backend_start))::float8,
    coalesce(nullif(query, '<insufficient privilege>'), '')
FROM pg_stat_activity WHERE pid = ANY({}) ORDER BY 5 DESC
"""


class Postgres(Connection):
    """A session at PostgreSQL."""

    engine = Engine.POSTGRES

    def __init__(self, url: DatabaseUrl, through: Through = None) -> None:
        super().__init__(url, through)
        try:
            self._driver = psycopg.connect(**_arguments(url, through))
        except psycopg.Error as error:
            raise cannot_connect(url, "", str(error)) from None
        try:
            settings = self.query(
                "SELECT pg_backend_pid(), current_setting('server_version'),"
                f" set_config('lock_timeout', '{LOCK_TIMEOUT}', false), set_config('statement_timeout', '0', false),"
                " set_config('idle_in_transaction_session_timeout', '0', false),"
                " set_config('standard_conforming_strings', 'on', false)"
            )
        except BaseException:
            self._driver.close()
            raise
        self.id, self.version = settings[0][:2]

    @override
    def query(self, statement: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            cursor = self._driver.execute(statement.encode(), tuple(params) or None, prepare=False)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise statement_failed(
                self.url, statement, error.sqlstate or "", str(error), self._driver.broken or self._driver.closed
            ) from None

    @override
    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):  # if the connection is broken, the server rolls back
                self._driver.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @override
    def close(self) -> None:
        self._driver.close()

    @override
    def _take(self, name: str, wait: float) -> bool:
        if self.query("SELECT pg_try_advisory_lock(%s)", (_key(name),))[0][0]:
            return True
        if not wait:
            return False
        try:
            self.execute(f"SET lock_timeout = {max(1, round(wait * 1000))}")
            self.query("SELECT pg_advisory_lock(%s)", (_key(name),))
        except LockBusy:
            return False
        finally:
            self._wait_for_locks(0, [])
        return True

    @override
    def _give(self, name: str) -> None:
        self.query("SELECT pg_advisory_unlock(%s)", (_key(name),))

    @override
    def holder(self, name: str) -> Session | None:
        key = _key(name) & (1 << 64) - 1
        found = self.query(
            _SESSIONS.format(
                "ARRAY(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND classid = %s::text::oid AND objid = %s::text::oid)"
            ),
            (str(key >> 32), str(key & 0xFFFFFFFF)),
        )
        return Session(*found[0]) if found else None

    @override
    def end(self, session: int) -> None:
        self.query("SELECT pg_terminate_backend(%s)", (session,))

    @override
    def blockers(self, waiting: int) -> tuple[bool, list[Session]]:
        return True, [Session(*row) for row in self.query(_SESSIONS.format("pg_blocking_pids(%s)"), (waiting,))]

    @override
    def _wait_for_locks(self, attempt: int, blockers: Sequence[Session]) -> None:
        self.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")

    @override
    def hurry(self, brief: bool) -> None:
        self.execute(f"SET lock_timeout = {BRIEF if brief else LOCK_TIMEOUT}")

    @override
    def read_committed(self) -> None:
        self.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _arguments(url: DatabaseUrl, through: Through) -> dict[str, Any]:
    """The arguments of ``psycopg.connect``. Also through a tunnel, TLS checks the name of the server itself."""
    host, port, address = url.socket or url.host, url.port, ""
    if isinstance(through, str):
        host = through
    elif through is not None:
        address, port = through
        if url.socket:
            host = address
    given = {
        "host": host,
        "hostaddr": address,
        "port": port,
        "user": url.user,
        "password": url.password,
        "dbname": url.database,
        "sslmode": url.sslmode,
        "sslrootcert": url.ca,
        "sslcert": url.cert,
        "sslkey": url.key,
        "connect_timeout": CONNECT,
        "client_encoding": "utf8",
        "autocommit": True,
        "application_name": f"orchestrator {socket.gethostname()}:{os.getpid()}",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 6,
    }
    return {key: value for key, value in given.items() if value != ""}


def _key(name: str) -> int:
    """The number of a lock. PostgreSQL has no names for such locks."""
    return int.from_bytes(hashlib.sha256(f"orchestrator:{name}".encode()).digest()[:8], signed=True)

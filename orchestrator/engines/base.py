"""A session at a database server, with guards against long waits for locks."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential, wait_random
from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.engines.trouble import ENDED_CODES, flat
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import Blocked, LockBusy, OrchestratorError, StatementFailed

PATIENCE = 300.0
"""Seconds for which a statement is tried again, if another session holds a lock."""
CONNECT = 10
"""Seconds after which a server that does not answer counts as unreachable."""
LOCK_TIMEOUT = 500
"""Milliseconds that a statement waits for a lock in PostgreSQL."""
LONGEST_WAIT = 0.5
"""Seconds after which a second session ends a statement that still waits for the lock of a table.

All queries of the application that need this table wait behind the statement. MariaDB and MySQL themselves would let
the statement wait for at least 1 s.
"""
LOOK = 0.1
"""Seconds between two looks at the sessions that hold a lock."""

SCHEMA_LOCK = "orchestrator schema"
"""The name of the lock that releases and ``orchestrator db`` hold while they change the schema of a database."""

BACKFILL_LOCK = "orchestrator backfill"
"""The name of the lock that a backfill holds. Meanwhile, others may change the schema of other tables."""

Through = tuple[str, int] | str | None
"""The local end of a tunnel: host and port, or the path of a Unix socket. None without a tunnel."""


@dataclass(frozen=True)
class Session:
    """A session of the server, as the server's list of sessions shows the session.

    + id: the number of the session at the server, for ``pg_terminate_backend`` or ``KILL``
    + client: name or address of the program's machine, or the name that the program gave itself
    + state: what the session does, such as ``idle in transaction``; empty if unknown
    + age: seconds since the transaction or the statement of the session began; None if unknown
    + query: the present or last statement; empty if unknown
    """

    id: int
    user: str
    client: str
    state: str
    age: float | None
    query: str

    @override
    def __str__(self) -> str:
        client = f" from {self.client}" if self.client else ""
        age = "" if self.age is None else f" for {self.age:.0f} s"
        state = f", {self.state or 'running'}{age}" if self.state or self.age is not None else ""
        query = f": {flat(self.query)}" if self.query else ""
        return f"session {self.id} (user {self.user}{client}{state}{query})"


class Connection(ABC):
    """One session at a database server. Each statement is a transaction of its own, except in ``transaction``.

    All methods raise StatementFailed if the server does not carry out a statement, ConnectionLost if the connection
    breaks, and LockBusy if another session holds a lock for longer than ``lock_timeout`` (0.5 s in PostgreSQL, 1 s in
    MariaDB and MySQL). While a statement waits for a lock, the queries of the application wait behind the statement:
    therefore no session waits longer. The second session of ``retry`` ends a wait for a table after LONGEST_WAIT.

    + engine: the kind of the server. The URL may name another kind (``mysql://`` for MariaDB)
    + version: the version that the server reports
    + id: the number of this session at the server
    """

    engine: Engine
    version: str
    id: int
    blind = ""
    """Words for a message, if the server does not say which session holds a lock."""

    def __init__(self, url: DatabaseUrl, through: Through = None) -> None:
        self.url = url
        self.through = through

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def execute(self, statement: str) -> None:
        """Run one statement without any change to its text, and drop the rows of the result."""
        self.query(statement)

    @abstractmethod
    def query(self, statement: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, and return its rows.

        + params: values for each ``%s`` in the statement. If there are values, ``%%`` in the statement stands for ``%``
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Commit all statements of the ``with`` block together, or none of them if the block raises an exception.

        MariaDB and MySQL commit before and after each statement that changes the schema.
        """

    @abstractmethod
    def close(self) -> None:
        """End the session. The server then frees all locks of the session."""

    @abstractmethod
    def _take(self, name: str, wait: float) -> bool:
        """Take the lock ``name`` within ``wait`` seconds, and return whether this session has the lock."""

    @abstractmethod
    def _give(self, name: str) -> None:
        """Give the lock ``name`` back."""

    @abstractmethod
    def holder(self, name: str) -> Session | None:
        """Return the session that holds the lock ``name``; None if no session does."""

    @abstractmethod
    def end(self, session: int) -> None:
        """End another session. The server undoes the present transaction or statement of that session."""

    @abstractmethod
    def blockers(self, waiting: int) -> tuple[bool, list[Session]]:
        """Return the sessions for which the session ``waiting`` waits, and before them, whether this list is certain.

        If the server does not name these sessions, the list has other sessions that may be the reason, such as sessions
        with open transactions. Such a list is not certain.
        """

    def waits_for_table(self, session: int) -> bool:
        """Return whether another session waits for the lock of a table at present, and must not wait for long.

        The base class returns False, because PostgreSQL itself ends such a wait in time.
        """
        return False

    def end_statement(self, session: int) -> None:
        """End the present statement of another session. The server undoes the statement."""
        raise NotImplementedError

    @abstractmethod
    def _wait_for_locks(self, attempt: int, blockers: Sequence[Session]) -> None:
        """Set how long the next attempt of a statement waits for locks.

        + attempt: number of the attempt, from 1
        + blockers: the sessions that blocked the former attempt
        """

    @abstractmethod
    def hurry(self, brief: bool) -> None:
        """Set how long the next statements wait for the locks of rows.

        + brief: whether to wait only for 50 ms in PostgreSQL, not at all in MariaDB, and for 1 s in MySQL. Then no
          query waits long for a row that this session has locked already. False: wait as long as for other locks
        """

    @abstractmethod
    def read_committed(self) -> None:
        """Let all later transactions of this session lock only the rows that they change, and see what others commit.

        A server of MariaDB or MySQL that replicates by statements does not support this, and keeps its isolation level.
        """

    def another(self) -> Connection:
        """Open one more session with the same URL."""
        return type(self)(self.url, self.through)

    @contextmanager
    def lock(self, name: str, wait: float = 0) -> Iterator[bool]:
        """Try to take the lock ``name``, and hold the lock during the ``with`` block.

        The variable after ``as`` is True if this session got the lock. Otherwise the block runs without the lock.

        The server frees the lock when the session ends, also if this process is killed. While the server still works on
        a statement of a session that has ended, the server keeps the lock.

        + name: name of the lock within this database
        + wait: seconds to wait for the lock
        """
        got = self._take(name, wait)
        try:
            yield got
        finally:
            if got:
                with suppress(OrchestratorError):  # a session that has ended holds no lock
                    self._give(name)

    def run(self, statement: str, patience: float = PATIENCE, tell: Callable[[str], None] = lambda line: None) -> None:
        """Run a statement, and try again if another session holds a lock: see ``retry``."""
        self.retry(lambda: self.execute(statement), flat(statement), patience, tell)

    def retry(
        self,
        attempt: Callable[[], None],
        what: str,
        patience: float = PATIENCE,
        tell: Callable[[str], None] = lambda line: None,
        pause: Callable[[float], None] = time.sleep,
        watch: bool = False,
    ) -> None:
        """Call ``attempt`` again and again until ``attempt`` no longer raises LockBusy.

        The pauses grow from half a second to five seconds. Raises Blocked after ``patience`` seconds. The message names
        the sessions that hold the lock.

        + attempt: runs statements of this session. If ``attempt`` raises LockBusy, it must have changed nothing
        + what: what ``attempt`` does, for messages
        + patience: seconds
        + tell: gets a line for each attempt that failed
        + pause: waits for a number of seconds
        + watch: whether to find out already during the first attempt which sessions hold the lock, because the first
          attempt may be the last
        """
        looking = _Watch(self)
        tried = Retrying(
            stop=stop_after_delay(patience),
            wait=wait_exponential(multiplier=0.5, max=5) + wait_random(0, 0.5),
            retry=retry_if_exception_type(LockBusy),
            before_sleep=lambda state: tell(f"{what} waits for a lock, attempt {state.attempt_number}: {looking}"),
            before=lambda state: self._prepare(state, looking),
            sleep=pause,
            reraise=True,
        )
        began = time.monotonic()
        try:
            with looking:
                if watch:
                    looking.open()
                tried(looking.watched, attempt)
        except LockBusy as error:
            raise Blocked(
                f"{self.url}: gave up {what} after {time.monotonic() - began:.0f} s, because another session holds a"
                f" lock: {looking}. Nothing was changed: wait until the session has ended, or end the session, and run"
                " the command again",
                error.code,
            ) from None
        finally:
            with suppress(OrchestratorError):
                self._wait_for_locks(0, [])

    def _prepare(self, state: RetryCallState, watch: _Watch) -> None:
        self._wait_for_locks(state.attempt_number, watch.seen)


class _Watch:
    """Finds out in a second session which sessions block ``waiting``.

    The second session is opened after the first failure, or earlier with ``open``.
    """

    def __init__(self, waiting: Connection) -> None:
        self.waiting = waiting
        self.seen: list[Session] = []
        self._sure = False
        self._waits_since: float | None = None
        self._ended_wait = False
        self._connection: Connection | None = None
        self._error = ""

    @override
    def __str__(self) -> str:
        if not self.seen:
            return f"the server does not say which{f' ({self._error})' if self._error else self.waiting.blind}"
        return ("" if self._sure else "perhaps ") + ", ".join(map(str, self.seen))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def watched(self, attempt: Callable[[], None]) -> None:
        """Call ``attempt``. If the second session is open, find out at the same time which sessions block ``attempt``.

        If ``attempt`` then waits too long for the lock of a table, end its statement, and raise LockBusy.
        """
        if self._connection is None:
            try:
                return attempt()
            except LockBusy:
                self.open()
                self._look()
                raise
        self._waits_since, self._ended_wait = None, False
        done = threading.Event()
        looking = threading.Thread(target=self._look_until, args=(done,), daemon=True)
        looking.start()
        try:
            try:
                return attempt()
            finally:
                done.set()
                looking.join()
        except StatementFailed as failure:
            if self._ended_wait and failure.code in ENDED_CODES:
                raise LockBusy(str(failure), failure.code) from None
            raise

    def open(self) -> None:
        """Open the session that finds out which sessions block the other session."""
        try:
            self._connection = self.waiting.another()
        except OrchestratorError as error:
            self._error = str(error)

    def _look_until(self, done: threading.Event) -> None:
        self._look()
        while not done.wait(LOOK):
            self._look()

    def _look(self) -> None:
        if self._connection is None:
            return
        try:
            sure, seen = self._connection.blockers(self.waiting.id)
            self._end_long_wait(self._connection)
        except (OrchestratorError, LockBusy) as error:
            self._error = str(error)
            return
        # between two waits, no session is found: then the sessions that were found last are still the best answer
        if seen:
            self._sure, self.seen = sure, seen

    def _end_long_wait(self, connection: Connection) -> None:
        """End the statement of ``waiting`` if this statement has waited for a table at each check during LONGEST_WAIT.

        The time of the statement itself does not count, because a change of a large table may work for long before it
        waits for its last lock.
        """
        now = time.monotonic()
        if not connection.waits_for_table(self.waiting.id):
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        elif now - self._waits_since >= LONGEST_WAIT:
            connection.end_statement(self.waiting.id)
            self._ended_wait = True

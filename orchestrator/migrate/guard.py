"""What each command does before it changes anything: take the lock, make the ledger, and check the files."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.database.files import File
from orchestrator.database.lint import lint
from orchestrator.database.model import Engine
from orchestrator.database.render import text
from orchestrator.engines.base import SCHEMA_LOCK, Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.phase import Tell
from orchestrator.errors import Refused


@dataclass(frozen=True)
class Asked:
    """The options of a command.

    + release: name of the release for which the schema changes; empty if none was named
    + defer: whether to run the files although the contract of an earlier release is pending
    + wait: seconds to wait for another run
    + patience: seconds for which a statement waits for locks of other sessions
    """

    release: str = ""
    defer: bool = False
    wait: float = 0
    patience: float = 300


def new_run() -> str:
    """A name for a run: the time (UTC) and a random number."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@contextmanager
def exclusive(connection: Connection, asked: Asked, tell: Tell) -> Iterator[Ledger]:
    """Hold the lock of the schema during the ``with`` block, and make sure that the ledger exists."""
    with locked(connection, SCHEMA_LOCK, "changes the schema", asked, tell):
        yield _ready(connection, asked)


@contextmanager
def locked(connection: Connection, lock: str, what: str, asked: Asked, tell: Tell) -> Iterator[None]:
    """Hold a lock during the ``with`` block. Raises Refused if another session holds the lock.

    + what: words for messages: the work of the session that holds the lock
    """
    with connection.lock(lock) as got:
        if got:
            yield
            return
    holder = connection.holder(lock)
    who = holder or "another session, which has just ended,"
    if not asked.wait:
        raise Refused(f"{who} {what} of {connection.url}: wait for its end, or pass --wait SECONDS")
    tell(f"{who} {what}: waiting up to {asked.wait:.0f} s")
    with connection.lock(lock, asked.wait) as got:
        if not got:
            raise Refused(
                f"{connection.holder(lock) or who} still {what} of {connection.url} after"
                f" {asked.wait:.0f} s: run the command again later"
            )
        yield


def _ready(connection: Connection, asked: Asked) -> Ledger:
    ledger = Ledger(connection, new_run(), asked.release)
    ledger.create()
    return ledger


def gate(files: Sequence[File], engine: Engine) -> None:
    """Raise Refused if the lint has a finding in a file that will run."""
    judged = [lint(one.text, one.name, engine, one.phase) for one in files]
    if any(one.open for one in judged):
        raise Refused(f"the check of the files has findings, and nothing ran:\n{text(judged)}".rstrip())

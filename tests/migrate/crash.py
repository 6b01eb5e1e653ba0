"""Commands in child processes, which are killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

# a process that does not yet know these modules would import them in each child
import orchestrator.database.lint
from orchestrator.engines.base import Connection
from orchestrator.engines.mariadb import MariaDB
from orchestrator.engines.postgres import Postgres
from orchestrator.migrate.command import main

import orchestrator.migrate.actions  # noqa: F401 isort: skip


def killed_at(words: Sequence[str], call: int, before: bool) -> bool:
    """Run a command in a process that kills itself at a call of the server. Return whether the process was killed.

    + words: the arguments after ``orchestrator db``
    + call: number of the call, from 1
    + before: kill before the server gets the statement, and not after its answer
    """
    child = os.fork()
    if child == 0:
        try:
            _die_at(call, before)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os._exit(main(words))
        finally:
            os._exit(99)
    _, how = os.waitpid(child, 0)
    assert os.WIFSIGNALED(how) or os.WEXITSTATUS(how) == 0, how
    return os.WIFSIGNALED(how)


def _die_at(call: int, before: bool) -> None:
    numbers = count(1)

    def dying(kind: type[Connection]) -> None:
        real = kind.query

        def query(self: Connection, *args: object) -> object:
            last = next(numbers) == call
            if last and before:
                os.kill(os.getpid(), signal.SIGKILL)
            rows = real(self, *args)  # type: ignore[arg-type]
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return rows

        kind.query = query  # type: ignore[assignment, method-assign]

    dying(Postgres)
    dying(MariaDB)


@dataclass(frozen=True)
class Child:
    """A command that runs in a process of its own.

    + output: file with standard output and standard error
    """

    pid: int
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    def ended(self) -> int:
        """Wait for the end, and return the exit status."""
        _, how = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(how)


def start(words: Sequence[str], output: Path) -> Child:
    """Start a command of ``orchestrator db`` in a process of its own."""
    output.write_text("")
    child = os.fork()
    if child == 0:
        try:
            file = os.open(output, os.O_WRONLY | os.O_APPEND)
            os.dup2(file, 1)
            os.dup2(file, 2)
            # pytest has put files of its own in place of these
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            status = main(words)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        finally:
            os._exit(99)
    return Child(child, output)

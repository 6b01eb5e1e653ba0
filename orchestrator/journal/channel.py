"""Send the writes of a run to the store on a host through one open channel: one round trip for each write.

The host runs one script, which performs the requests one after the other. For each request, the script does the same as
``store.sh``, which writes without a channel: it gets the flock, checks that this run still holds the lock, appends,
syncs and answers. The script ends when the channel is closed or the connection breaks.

A request that was sent is never sent again. If its answer is missing, the caller gets the error that a command without
an answer gets, and the channel is closed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import gevent
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import PyinfraError

from orchestrator.errors import CommandFailed, Silent
from orchestrator.journal import clock
from orchestrator.scripts.files import read

SCRIPT = read("journal/channel.sh")

LIMIT = 10
"""Seconds after which the host no longer performs a request.

Without a channel, each request is a separate command, which is killed after the same time.
"""

LIFE = 3600
"""Seconds after which the host ends the script, if the operator's machine is gone and the connection does not end."""

YOUNG = 1800.0
"""Seconds after which a channel is closed and the next record opens another, long before the host ends the script."""

OPENING = 5.0
"""Seconds within which the host must have started the script."""

OPENINGS = 3
"""If this number of channels did not open or broke, each later write is a separate command."""


class Pipe(Protocol):
    """The standard input and output of a program that runs on a host."""

    @property
    def ended(self) -> bool:
        """Whether it is known that the program or the connection has ended."""

    def send(self, text: str) -> None:
        """Write to the program. Raises Silent if the connection is broken."""

    def line(self) -> str:
        """Return the next line that the program printed.

        Raises Silent if the connection is broken, and CommandFailed if the program has ended.
        """

    def close(self) -> None:
        """Close the standard input of the program, so that the program ends."""


@dataclass(frozen=True)
class Line:
    """The way to the host of a store.

    + open: starts a program on the host. Returns None if the host is not reached by SSH. Raises Silent or CommandFailed
      if the program does not start
    + ask: calls a function that talks to the host, with the deadline of a command, and returns the result. Raises
      OrchestratorError if the function fails or takes too long, as if the function was a command
    """

    open: Callable[[StringCommand], Pipe | None]
    ask: Callable[[Callable[[], list[str]]], list[str]]


class Channel:
    """Sends requests to the script. The first request that appends records opens the channel.

    + line: the way to the host
    + directory: path of the store's directory
    """

    def __init__(self, line: Line, directory: str) -> None:
        self._line = line
        self._directory = directory
        self._pipe: Pipe | None = None
        self._busy = False
        self._openings = OPENINGS
        self._token = self._mark = ""
        self._number = 0
        self._opened = self._heard = self._uptime = 0.0

    def ask(self, verb: str, token: str, arguments: Sequence[str], records: Sequence[str]) -> list[str] | None:
        """Send a request, and return the lines of the answer. Return None if the host has not performed the request.

        Nothing is sent if there is no channel that works, or if another greenlet is waiting for an answer. The host
        does not perform a request that comes too late, for example because the operator's machine was asleep.

        + verb: ``append``, ``renew``, ``end`` or ``back``
        + token: the token of the owner of the lock
        + arguments: words of letters and digits
        + records: the records, one line each, of printable characters of ASCII

        Raises OrchestratorError if the request fails. The host may have performed the request nevertheless.
        """
        if self._busy:
            return None
        self._busy = True
        try:
            pipe = self._open(token) if verb == "append" else self._usable(token)
            if pipe is None:
                return None
            said = self._line.ask(lambda: self._exchange(pipe, verb, arguments, records))
            if said != ["late"]:
                return said
            self._close()
            return None
        finally:
            self._busy = False

    def close(self) -> None:
        """Close the channel, so that the script ends, unless another greenlet is waiting for an answer."""
        if not self._busy:
            self._close()

    def _close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _usable(self, token: str) -> Pipe | None:
        """Return the open channel; None if there is none, or if it has ended or is old."""
        if self._pipe is None:
            return None
        if self._pipe.ended or token != self._token:
            self._close()
        elif clock.monotonic() - self._opened > YOUNG:
            self._close()
            self._openings += 1
        return self._pipe

    def _open(self, token: str) -> Pipe | None:
        """Return the open channel, or open a channel. Return None if this is not possible."""
        if (pipe := self._usable(token)) is not None:
            return pipe
        if self._openings == 0:
            return None
        self._openings -= 1
        self._token, self._mark, self._number = token, f"answer-{secrets.token_hex(8)}", 0
        words = [QuoteString(word) for word in (self._directory, token, self._mark)]
        command = StringCommand("timeout", "-s", "KILL", str(LIFE), "sh", "-c", QuoteString(SCRIPT), "journal", *words)
        try:
            with gevent.Timeout(OPENING, Silent("no answer")):
                self._pipe = self._line.open(command)
                if self._pipe is None:
                    self._openings = 0
                    return None
                self._heard_to_end(self._pipe)
        except (Silent, CommandFailed, PyinfraError):
            self._close()
            return None
        except BaseException:
            self._close()
            raise
        self._opened = self._heard
        return self._pipe

    def _exchange(self, pipe: Pipe, verb: str, arguments: Sequence[str], records: Sequence[str]) -> list[str]:
        """Send a request, and return the lines of the answer. If no answer comes, close the channel.

        Raises CommandFailed if the host says that the request failed.
        """
        self._number += 1
        until = int(self._uptime + clock.monotonic() - self._heard) + LIMIT
        head = " ".join([str(self._number), verb, str(until), str(len(records)), *arguments])
        try:
            pipe.send("".join(f"{line}\n" for line in (head, *records)))
            status, said = self._heard_to_end(pipe)
        except BaseException:
            self._close()
            raise
        if status != 0:
            raise CommandFailed(next((line.strip() for line in reversed(said) if line.strip()), ""))
        return said

    def _heard_to_end(self, pipe: Pipe) -> tuple[int, list[str]]:
        """Return the status and the lines of the answer to the last request."""
        last = re.compile(rf"{self._mark} {self._number} (\d+(?:\.\d+)?) (\d+)")
        said: list[str] = []
        while not (end := last.fullmatch(line := pipe.line())):
            said.append(line)
        # the host read its uptime a little earlier, so requests expire a little early
        self._heard, self._uptime = clock.monotonic(), float(end[1])
        return int(end[2]), said

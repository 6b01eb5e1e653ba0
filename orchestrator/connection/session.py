"""Run commands on a host one after the other in one SSH session.

A separate session for each command costs more than most commands: SSH opens the session with several messages, and the
host starts the server's process and the login shell. Here, one script on the host runs the commands (session.sh).

Only commands that leave no process behind may share a session: a process that lives on could write into the answer of
a later command. Therefore a command that runs code of the application has a separate session (``Shared``).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TypeGuard

import gevent
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine

from orchestrator.connection.marks import new_mark
from orchestrator.connection.pipe import Output, Pipe, open_pipe
from orchestrator.errors import CommandFailed, Silent
from orchestrator.scripts.files import read

SCRIPT = read("connection/session.sh")

AT_ONCE = 2
"""The number of shared sessions of a host. Some stages ask a host two questions at once."""

LONGEST_INPUT = 65536
"""If the standard input of a command has more than this number of characters, the command has a separate session."""

OPENINGS = 3
"""If this number of sessions did not open or broke, each later command has a separate session."""


def is_short(stdin: object) -> TypeGuard[str]:
    """Return whether a command with this standard input may share a session."""
    return isinstance(stdin, str) and len(stdin) <= LONGEST_INPUT and "\0" not in stdin


class SharedSession:
    """A shared session of one host. The session opens when it is needed, and again if it breaks.

    + connector: pyinfra's connection to the host
    """

    def __init__(self, connector: SSHConnector) -> None:
        self._connector = connector
        self._pipe: Pipe | None = None
        self._mark = ""
        self._openings = OPENINGS
        self.busy = False
        """Whether a command runs in the session."""

    def run(self, command: str, stdin: str = "") -> CommandOutput | None:
        """Run a shell command, and return what the command printed.

        Return None if the session cannot be opened, or if another command runs in the session. Then the command has not
        run.
        If the session ends before the command has ended, return what the command has printed until then.

        + stdin: text for the standard input of the command, without the character NUL

        Raises Silent if the connection breaks. The command may have run nevertheless.
        """
        if self.busy:
            return None
        self.busy = True
        try:
            pipe = self._opened()
            return None if pipe is None else self._exchange(pipe, command, stdin)
        finally:
            self.busy = False

    def close(self) -> None:
        """Close the session. A command that still runs in the session is not stopped."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _opened(self) -> Pipe | None:
        """Return the open session. If there is none, open a session, or return None."""
        if self._pipe is not None and self._pipe.ended:
            self.close()
        if self._pipe is not None:
            return self._pipe
        if not self._openings:
            return None
        self._openings -= 1
        self._mark = new_mark()
        script = StringCommand("sh", "-c", QuoteString(SCRIPT), "orchestrator", self._mark)
        with suppress(Silent, CommandFailed):
            self._pipe = open_pipe(self._connector, script, {})
        return self._pipe

    def _exchange(self, pipe: Pipe, command: str, stdin: str) -> CommandOutput:
        text, more = f"{command}{self._mark}", f"{stdin}{self._mark}" if stdin else ""
        lines: dict[Output, list[OutputLine]] = {"stdout": [], "stderr": []}
        errors = gevent.spawn(self._hear_errors, pipe, lines["stderr"])
        try:
            pipe.send(f"{len(text.encode())} {len(more.encode())}\n{text}{more}")
            self._hear(pipe, "stdout", lines["stdout"])
            errors.join()
        except CommandFailed:
            # the session has ended during the command
            errors.join()
            self.close()
        except BaseException:
            # the next command must not get the rest of this answer
            self.close()
            raise
        finally:
            errors.kill()
        return CommandOutput(lines["stdout"] + lines["stderr"])

    def _hear(self, pipe: Pipe, output: Output, lines: list[OutputLine]) -> None:
        """Add the lines of a command on one of its outputs to ``lines``, until the command has ended.

        Raises Silent if the connection breaks, and CommandFailed if the session ends before the command has ended.
        """
        while (line := pipe.line(output)) != self._mark:
            lines.append(OutputLine(output, line))

    def _hear_errors(self, pipe: Pipe, lines: list[OutputLine]) -> None:
        # the other output has ended too, and the caller notices this
        with suppress(Silent, CommandFailed):
            self._hear(pipe, "stderr", lines)

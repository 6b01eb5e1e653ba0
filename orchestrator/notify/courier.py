"""Start the process that sends messages, give it the messages of a run, and read what became of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO

from orchestrator.notify.message import PATIENCE, Message, Target, outcome, targets_line

COMMAND = [sys.executable, "-P", "-m", "orchestrator.notify"]


class Courier:
    """Sends messages in a separate process, which runs beside the run.

    The sending process has its own session (setsid), so that Ctrl-C at the terminal does not reach the sending process.
    If the process of the run dies, the sending process ends when it has sent the messages that it got.

    No method raises an error: a message that cannot be sent is a warning.

    + targets: the targets of the messages; may be empty, then there is no process
    + command: the command of the sending process
    """

    def __init__(self, targets: list[Target], command: list[str] | None = None) -> None:
        self._targets = targets
        self._sent: list[Message] = []
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[str] | None = None
        self._problem = ""
        if not targets:
            return
        try:
            self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in finish)
            self._process = subprocess.Popen(
                command or COMMAND,
                stdin=subprocess.PIPE,
                stdout=self._said,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            self._problem = f"the process that sends messages did not start: {error.strerror or type(error).__name__}"
            return
        self._write(targets_line(targets))

    def send(self, message: Message) -> None:
        """Give a message to the sending process, which sends the message to its target.

        This method does not wait until the message is sent.
        """
        self._sent.append(message)
        self._write(message.to_line())

    def finish(self) -> list[str]:
        """Wait until all messages are sent, at most PATIENCE seconds. Return a line for each message that was not sent.

        The lines do not contain the URLs of the targets, but may contain words of the targets.
        """
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(PATIENCE if self._sent else 0.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return [
            f"the notification to {self._targets[message.target].name} was not sent: {problem}"
            for message, problem in zip(self._sent, self._problems(), strict=True)
            if problem
        ]

    def _write(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # if the process has ended, the write fails, and `finish` finds no outcome of the message
        with suppress(OSError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _problems(self) -> list[str]:
        """Return the problem of each message, in the order of the messages; an empty text if the message was sent."""
        found = dict.fromkeys(range(len(self._sent)), self._problem or f"no answer within {PATIENCE:g} s")
        if self._said is not None:
            self._said.seek(0)
            for line in self._said.read().splitlines():
                with suppress(ValueError):
                    heard = outcome(line)
                    found[int(heard["number"])] = str(heard["problem"])
            self._said.close()
        return list(found.values())

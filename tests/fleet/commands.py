"""Starts the fleet tests' commands by a fork server (fork_server.py), which has imported pyinfra and the engine."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.fleet.fork_server import MESSAGE, Command

SERVER = Path(__file__).with_name("fork_server.py")


class Process:
    """A command that runs, with the methods of a ``subprocess.Popen`` that tests need.

    + words: the command
    + report: the socket on which the fork server reports process id and exit status
    + output: the file that gets what the command prints, if `communicate` reads that file
    """

    def __init__(self, words: Sequence[str], report: socket.socket, output: IO[bytes] | None = None) -> None:
        self.args = list(words)
        self.returncode: int | None = None
        self._report = report
        self._output = output
        self._unread = b""
        self.pid = self._number(TO_START)
        """The id of the process, which leads a session and a process group of its own."""

    def wait(self, timeout: float) -> int:
        """Wait for the end. Returns the exit status, -n after signal n.

        Raises subprocess.TimeoutExpired after ``timeout`` seconds.
        """
        if self.returncode is None:
            self.returncode = self._number(timeout)
            self._report.close()
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the end. Returns what the command printed, and an empty text. Raises as `wait` does."""
        self.wait(timeout)
        assert self._output
        return text(self._output), ""

    def kill(self) -> None:
        """Kill the process, unless the process has ended."""
        with suppress(ProcessLookupError):
            if self.returncode is None:
                os.kill(self.pid, signal.SIGKILL)

    def _number(self, timeout: float) -> int:
        """Wait for the next line of the report."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._unread:
            self._report.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self._report.recv(64)
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            assert data, f"the fork server ended before {self.args}"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return int(line)


TO_START = 60.0
"""Seconds that the fork server has to import everything, and to start a command."""


def start(
    words: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    output: IO[bytes] | int,
    errors: IO[bytes] | int,
    stdin: int | None = None,
) -> Process:
    """Start a Python program.

    + words: path of the program, and its arguments
    + output: the file that gets its standard output. `Process.communicate` reads an open file
    + errors: the file that gets its error output
    + stdin: its standard input. Default: empty
    """
    command = Command(list(words), str(directory), dict(environment))
    mine, its = socket.socketpair()
    with its, Path(os.devnull).open("rb") as nothing:
        descriptors = [
            nothing.fileno() if stdin is None else stdin,
            *(file if isinstance(file, int) else file.fileno() for file in (output, errors)),
            its.fileno(),
        ]
        socket.send_fds(_server(os.getpid()), [json.dumps(command._asdict()).encode()], descriptors)
    return Process(words, mine, None if isinstance(output, int) else output)


def run(
    words: Sequence[str], *, directory: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a Python program without input. Kills the program after ``timeout`` seconds, and raises TimeoutExpired."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(words, directory=directory, environment=environment, output=output, errors=errors)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            process.kill()
            late.add_note(text(output) + text(errors))
            raise
        return subprocess.CompletedProcess(list(words), code, text(output), text(errors))


def text(file: IO[bytes]) -> str:
    """Return the content of an open file. The position of the file stays, because the command shares the position."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


@functools.cache
def _server(process: int) -> socket.socket:
    """Start the fork server of a test process. Returns the socket for its commands."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE)
    with its:
        subprocess.Popen([sys.executable, str(SERVER)], stdin=its.fileno(), start_new_session=True)
    return mine

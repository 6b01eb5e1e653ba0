"""A process that imports pyinfra and the engine once, and forks itself for each command.

A command of the tests is short: its imports take most of its processor time. Each test process starts one fork server,
and the fork server ends with the test process.

Standard input is a socket. A message is a command: JSON (`Command`) with four file descriptors, which are the command's
standard input, output and error output, and a socket. The socket gets two lines: the id of the command's process, and
at its end its exit status (negative: the number of the signal that killed the process).
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
import random
import runpy
import signal
import socket
import sys
from typing import NamedTuple, NoReturn


class Command(NamedTuple):
    """A program in Python and how it is started."""

    words: list[str]
    """The path of the program, and its arguments."""
    directory: str
    """The working directory."""
    environment: dict[str, str]


FORK, WAIT, CLOSE = os.fork, os.waitpid, os.close
"""Python's own functions. pyinfra replaces them by functions of gevent, which do a part of the work later."""

MESSAGE = 1 << 18
"""Bytes that a message may have."""


def load() -> None:
    """Import pyinfra and all modules of the engine."""
    importlib.import_module("pyinfra_cli.main")  # first: it patches the process for gevent
    import orchestrator

    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    # a collection in a forked process then does not copy the memory of these modules
    gc.collect()
    gc.freeze()


def next_command(requests: socket.socket) -> Command:
    """Wait for commands, and fork for each. Returns the command in the command's own process."""
    # the kernel removes the processes that wait for the commands
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE, 4)
        if not message:
            sys.exit()
        if FORK() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            break
        for descriptor in descriptors:
            CLOSE(descriptor)
    requests.detach()
    *streams, report = descriptors
    process = FORK()
    if process == 0:
        CLOSE(report)
        become(streams)
        return Command(**json.loads(message))
    for descriptor in (0, 1, 2, *streams):
        CLOSE(descriptor)
    os.write(report, f"{process}\n".encode())
    os.write(report, f"{os.waitstatus_to_exitcode(WAIT(process, 0)[1])}\n".encode())
    os._exit(0)


def become(streams: list[int]) -> None:
    """Give this process a session and standard streams of its own, as if a shell had started it."""
    import gevent

    gevent.reinit()
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        CLOSE(descriptor)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)))  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _output(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _output(2, errors="backslashreplace")  # type: ignore[misc]
    # two commands must not choose the same random numbers
    random.seed()


def _output(descriptor: int, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w")), errors=errors, line_buffering=True)


def main() -> NoReturn:
    """Serve commands until the test process ends."""
    # the directory of this file has modules with the names of others
    del sys.path[0]
    requests = socket.socket(fileno=os.dup(0))
    load()
    command = next_command(requests)
    os.chdir(command.directory)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.argv = command.words
    runpy.run_path(command.words[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    main()

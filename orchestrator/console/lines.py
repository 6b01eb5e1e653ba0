"""Read the output of a running command line by line."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from gevent.os import make_nonblocking, nb_read
from paramiko import SSHException
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.ssh import SSHConnector

from orchestrator.connection.connector import Connection
from orchestrator.connection.marks import printable
from orchestrator.errors import Silent

PIECE = 65536
"""Number of bytes that are read at once."""

Take = Callable[[str], None]
"""A function that gets each line of an output as soon as the line is complete."""


def keeps_input(host: Host) -> bool:
    """Return whether the standard input of a command on this host stays open until `at_host` ends: true over SSH."""
    return isinstance(connector_of(host), SSHConnector)


def at_host(host: Host, command: StringCommand, take: Take) -> int:
    """Run a command on a host, and pass each line of its output on. Return the exit status of the command.

    Both outputs of the command are merged. If `keeps_input` is true, the standard input of the command ends when this
    function or this process ends, so that the command can notice this.

    Raises Silent if the connection breaks.
    """
    inner = connector_of(host)
    if not isinstance(inner, SSHConnector):
        # pyinfra's other connectors return the output only when the command has ended
        good, output = inner.run_shell_command(command, print_output=False, print_input=False)
        for printed in output.combined_lines:
            take(printable(printed.line))
        return 0 if good else 1
    try:
        transport = inner.client.get_transport() if inner.client else None
        if transport is None:
            raise EOFError
        with transport.open_session() as channel:
            channel.set_combine_stderr(True)
            channel.exec_command(command.get_raw_value())
            for line in split(iter(lambda: channel.recv(PIECE), b"")):
                take(line)
            status = channel.recv_exit_status()
    except (OSError, EOFError, SSHException) as broken:
        raise Silent(str(broken) or "stopped answering") from None
    if status < 0:
        raise Silent("stopped answering")
    return status


def connector_of(host: Host) -> BaseConnector:
    """Return pyinfra's connector of a host."""
    return host.connector.inner if isinstance(host.connector, Connection) else host.connector


def here(command: str, environment: Mapping[str, str], take: Take) -> int:
    """Run a shell command on the operator's machine, and pass each line of its output on. Return the exit status.

    If this function is interrupted, all processes of the command are killed.

    + environment: more environment variables: name -> value
    """
    process = subprocess.Popen(
        ["sh", "-c", command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # a process group, so that killpg also reaches the processes that the command started
        start_new_session=True,
    )
    assert process.stdout is not None
    output = process.stdout
    # os.read would also stop the timer of the caller's time limit
    make_nonblocking(output.fileno())
    try:
        for line in split(iter(lambda: nb_read(output.fileno(), PIECE), b"")):
            take(line)
        return process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        output.close()


def split(pieces: Iterator[bytes]) -> Iterator[str]:
    """Yield the lines in the pieces of an output, each as soon as it is complete, without control characters.

    Bytes that are not UTF-8 become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        yield from map(printable, lines)
    if rest := rest + decoder.decode(b"", final=True):
        yield printable(rest)

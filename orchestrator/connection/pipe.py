"""Start a command over SSH, write to its standard input, and read its output while the command runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from paramiko import Channel, ChannelException, SSHException, Transport
from pyinfra.api.command import StringCommand
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import make_unix_command_for_host

from orchestrator.connection.marks import marked, new_mark, printable
from orchestrator.errors import CommandFailed, Silent

NO_STATUS = -1
"""paramiko's exit status of a command if the server sent no status, for example because the connection broke."""

SPARE = 2
"""Number of sessions that must be free beside a pipe, so that two commands can run while the pipe is open."""


Output = Literal["stdout", "stderr"]
"""An output of a command."""


class Pipe:
    """The standard input and the outputs of a command that runs over SSH.

    + transport: the SSH connection
    + channel: the session of the command
    """

    def __init__(self, transport: Transport, channel: Channel) -> None:
        self._transport = transport
        self._channel = channel
        self._rest = {"stdout": b"", "stderr": b""}

    @property
    def ended(self) -> bool:
        """Whether it is known that the command or the connection has ended."""
        return bool(self._channel.closed or self._channel.eof_received) or not self._transport.is_active()

    def send(self, text: str) -> None:
        """Write to the command. Raises Silent if the connection is broken."""
        with _or_silent():
            self._channel.sendall(text.encode())

    def line(self, output: Output = "stdout") -> str:
        """Return the next line that the command printed on one of its outputs.

        Raises Silent if the connection is broken, and CommandFailed if the command has ended.
        """
        receive = self._channel.recv if output == "stdout" else self._channel.recv_stderr
        while b"\n" not in self._rest[output]:
            with _or_silent():
                data = receive(65536)
                if not data and not self._channel.eof_received and self._channel.exit_status == NO_STATUS:
                    raise EOFError
            if not data:
                raise CommandFailed
            self._rest[output] += data
        line, _, self._rest[output] = self._rest[output].partition(b"\n")
        return printable(line.decode("utf-8", "replace"))

    def close(self) -> None:
        """Close the session, so that the command reads the end of its input."""
        with suppress(OSError, EOFError, SSHException):
            self._channel.close()


@contextmanager
def _or_silent() -> Iterator[None]:
    """Raise Silent if the connection breaks in the ``with`` block."""
    try:
        yield
    except (OSError, EOFError, SSHException) as broken:
        raise Silent(str(broken) or "stopped answering") from None


def open_pipe(connector: SSHConnector, command: StringCommand, arguments: dict[str, Any]) -> Pipe:
    """Start a command over SSH, and return its standard input and output, from the first line of the command on."""
    mark = new_mark()
    text = make_unix_command_for_host(connector.state, connector.host, marked(command, mark), **arguments)
    transport = connector.client.get_transport() if connector.client else None
    with _or_silent():
        if transport is None:
            raise EOFError
        sessions = []
        try:
            # if the server permits few sessions at a time, an open pipe must not take the place of a command
            for _ in range(1 + SPARE):
                sessions.append(transport.open_session())
            for spare in sessions[1:]:
                spare.close()
            sessions[0].exec_command(text.get_raw_value())
            pipe = Pipe(transport, sessions[0])
            while pipe.line() != mark:
                # words of the login
                pass
        except BaseException as failure:
            for session in sessions:
                session.close()
            if isinstance(failure, ChannelException):
                # the next command needs the place of a session that was closed: wait until the server has answered
                transport.global_request("keepalive@openssh.com", wait=True)
            raise
    return pipe

"""The connector of this tool: runs commands over a connector of pyinfra, with marks around each answer (marks.py)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import IOBase
from typing import Any, Protocol, TypeGuard, cast

from paramiko import SFTPClient, SSHException, Transport
from pyinfra import logger
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.output import echo
from pyinfra.api.util import get_file_io
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import (
    CommandOutput,
    OutputLine,
    execute_command_with_sudo_retry,
    extract_control_arguments,
    make_unix_command_for_host,
    read_output_buffers,
    write_stdin,
)
from typing_extensions import override

from orchestrator.connection.marks import Lines, decoded, marked, new_mark, no_answer, printable, within_marks
from orchestrator.connection.pipe import NO_STATUS, Pipe, open_pipe
from orchestrator.connection.session import AT_ONCE, SharedSession, is_short
from orchestrator.errors import Silent, Unclear
from orchestrator.scripts.command import Question, Shared
from orchestrator.scripts.files import assign, read


class Connection(BaseConnector):
    """Runs commands over a connector of pyinfra.

    pyinfra itself also runs all its commands over this object, so that its own facts and operations are protected too.

    + connector: the connector that pyinfra made for the host
    """

    handles_execution = True

    def __init__(self, connector: BaseConnector) -> None:
        self.state, self.host, self.data = connector.state, connector.host, connector.data
        self.inner = connector
        self._sessions = (
            [SharedSession(connector) for _ in range(AT_ONCE)] if isinstance(connector, SSHConnector) else []
        )
        self._asked = False
        """Whether a command has run on the host.

        Many verbs run only one command on a host. Therefore a shared session opens only for the second command.
        """

    @override
    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        raise NotImplementedError(
            "no inventory may name this connector, because the tool itself makes it for each host: name pyinfra's "
            "connector instead"
        )

    @override
    def connect(self) -> None:
        self.inner.connect()

    @override
    def disconnect(self) -> None:
        for session in self._sessions:
            session.close()
        self.inner.disconnect()

    @override
    def run_shell_command(
        self, command: StringCommand | str, print_output: bool = False, print_input: bool = False, **arguments: Any
    ) -> tuple[bool, CommandOutput]:
        """Run a command. Return whether the command succeeded, and the lines that the command printed.

        A command has succeeded if its status is 0. If pyinfra's argument ``_success_exit_codes`` is given, the command
        has succeeded if its status is in this list.

        Raises Silent if the connection is broken. Raises Unclear if the answer is not whole. If a question fails,
        raises the exception of `no_answer`.
        """
        mark = new_mark()
        good_statuses = arguments.get("_success_exit_codes") or [0]
        if print_input:
            echo(f"{self.host.print_prefix}>>> {command}", err=True)
        try:
            lines = self._run(marked(command, mark), arguments, isinstance(command, Shared))
        except (OSError, EOFError, SSHException) as broken:
            raise Silent(str(broken) or "stopped answering") from None
        heard = within_marks(lines, mark)
        good = heard.status in good_statuses
        if isinstance(command, Question) and not good:
            raise no_answer(command, heard)
        if print_output:
            for line in heard.lines:
                echo(f"{self.host.print_prefix}{line.line}", err=True)
        return good, CommandOutput(list(heard.lines))

    def _run(self, command: StringCommand, arguments: dict[str, Any], shared: bool) -> Lines:
        """Run a command, and return all lines that the host printed.

        + shared: whether the command may share an SSH session with other commands
        """
        if isinstance(self.inner, SSHConnector):
            free = (session for session in self._sessions if not session.busy)
            session = next(free, None) if shared and self._asked else None
            self._asked = True
            output = _over_ssh(self.inner, command, arguments, session)
        else:
            _, output = self.inner.run_shell_command(command, print_output=False, print_input=False, **arguments)
        return [OutputLine(line.buffer_name, printable(line.line)) for line in output.combined_lines]

    def pipe(self, command: StringCommand, arguments: dict[str, Any]) -> Pipe | None:
        """Start a command, and return its standard input and output. Return None if the host is not reached by SSH.

        + arguments: pyinfra's arguments that say as which user the command runs

        Raises Silent if the connection is broken, or if the server permits too few sessions at a time. Raises
        CommandFailed if the command does not start.
        """
        return open_pipe(self.inner, command, arguments) if isinstance(self.inner, SSHConnector) else None

    @override
    def put_file(self, filename_or_io: str | IOBase, remote_filename: str, *more: Any, **arguments: Any) -> bool:
        """Copy a file to the host. Raises Silent if the connection is broken."""
        if not _has_sftp(self.inner, arguments):
            return self.inner.put_file(filename_or_io, remote_filename, *more, **arguments)
        with _sftp(self.inner) as client, get_file_io(cast(Any, filename_or_io)) as file:
            client.putfo(file, remote_filename)
        return True

    @override
    def get_file(self, remote_filename: str, filename_or_io: str | IOBase, *more: Any, **arguments: Any) -> bool:
        """Copy a file from the host. Raises Silent if the connection is broken."""
        if not _has_sftp(self.inner, arguments):
            return self.inner.get_file(remote_filename, filename_or_io, *more, **arguments)
        with _sftp(self.inner) as client, get_file_io(cast(Any, filename_or_io), "wb") as file:
            client.getfo(remote_filename, file)
        return True

    @override
    def check_can_rsync(self) -> None:
        self.inner.check_can_rsync()

    @override
    def rsync(self, *more: Any, **arguments: Any) -> bool:
        return self.inner.rsync(*more, **arguments)


class _Channel(Protocol):
    def recv_exit_status(self) -> int: ...


def transport_of(host: Host) -> Transport | None:
    """Return the SSH connection to a host; None if pyinfra does not reach the host by SSH."""
    inner = host.connector.inner if isinstance(host.connector, Connection) else host.connector
    client = getattr(inner, "client", None)
    return client.get_transport() if client else None


def _over_ssh(
    connector: SSHConnector, command: StringCommand, arguments: dict[str, Any], session: SharedSession | None
) -> CommandOutput:
    """Run a command over SSH, as pyinfra's connector does, but accept output that is not UTF-8.

    + session: the shared session in which the command may run; None if the command needs a separate session. Even if
      this argument is not None, some commands get a separate session: a command with a long input, with a terminal or
      with a timeout of pyinfra, and a command for which pyinfra may ask for a password.
    """
    control = extract_control_arguments(cast(Any, arguments := dict(arguments)))
    stdin_text = control.get("_stdin") or ""
    alone = control.get("_get_pty") or control.get("_timeout") or _may_ask(arguments)

    def execute() -> tuple[int, CommandOutput]:
        text = make_unix_command_for_host(connector.state, connector.host, command, **arguments)
        logger.debug("Running command on %s: %s", connector.host.name, text)
        if session is not None and not alone and is_short(stdin_text):
            shared = session.run(text.get_raw_value(), stdin_text)
            if shared is not None:
                return 0, shared
        assert connector.client is not None
        stdin, stdout, stderr = connector.client.exec_command(
            text.get_raw_value(), get_pty=bool(control.get("_get_pty"))
        )
        if control.get("_stdin"):
            write_stdin(control["_stdin"], stdin)
        stdin.close()
        output = read_output_buffers(
            _lines(stdout), _lines(stderr), timeout=control.get("_timeout"), print_output=False, print_prefix=""
        )
        status = cast(_Channel, stdout.channel).recv_exit_status()
        transport = connector.client.get_transport()
        if status == NO_STATUS and (transport is None or not transport.is_active()):
            raise EOFError
        return status, output

    if not _may_ask(arguments):
        return execute()[1]
    return execute_command_with_sudo_retry(connector.host, cast(Any, arguments), execute)[1]


def _may_ask(arguments: Mapping[str, Any]) -> bool:
    """Return whether pyinfra may ask for the password of sudo.

    pyinfra itself would also ask if the sudo of a script failed, or if there is no terminal for the answer.
    """
    return bool(arguments.get("_sudo") and sys.stdin.isatty())


def _has_sftp(connector: BaseConnector, arguments: Mapping[str, Any]) -> TypeGuard[SSHConnector]:
    """Return whether pyinfra would transfer a file by SFTP, as the user who logs in."""
    return (
        isinstance(connector, SSHConnector)
        and connector.data["ssh_file_transfer_protocol"] == "sftp"
        and not any(arguments.get(become) for become in ("_sudo", "_su_user"))
    )


@contextmanager
def _sftp(connector: SSHConnector) -> Iterator[SFTPClient]:
    """Yield a client of SFTP. Raises Silent if the connection is broken, or if the server has no SFTP.

    The login shell starts the server's program, so a greeting of the login would come before the first bytes of SFTP.
    Therefore a script first prints a mark, which is a line with a random word, and then starts the program. All bytes
    up to the end of the mark are ignored.
    """
    mark = new_mark()
    command = StringCommand("sh -c", QuoteString(assign(read("scripts/sftp.sh"), mark=mark)))
    try:
        transport = connector.client.get_transport() if connector.client else None
        if transport is None:
            raise EOFError
        channel, before = transport.open_session(), b""
        channel.exec_command(command.get_raw_value())
        while not before.endswith(f"\n{mark}\n".encode()):
            # one byte at a time, because the bytes after the mark belong to SFTP
            if not (byte := channel.recv(1)):
                raise Unclear(decoded(before)[-1] if before else "no program for SFTP")
            before += byte
        with SFTPClient(channel) as client:
            yield client
    except (OSError, EOFError, SSHException) as broken:
        raise Silent(str(broken) or "stopped answering") from None


def _lines(file: Any) -> Iterator[str]:
    """Read a file to its end, and yield its lines."""
    yield from decoded(file.read())

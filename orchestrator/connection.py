"""Run commands on a host, and read only the lines that the command itself printed.

A host may print anything. A login shell prints greetings, warnings about locales and messages at its end. Output may be
cut off, may not be UTF-8, or may control the terminal. Therefore each command is wrapped once, here: the command prints
a mark before its answer, and the mark and its status after its answer. The mark is a new random word for each command.
If a mark is missing, the answer is not whole, and the host counts as a host that does not answer.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import IOBase
from typing import Any, Protocol, TypeGuard, cast

from paramiko import Channel, ChannelException, SFTPClient, SSHException, Transport
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

from orchestrator.errors import CommandFailed, Silent, Unclear
from orchestrator.scripts.command import Question
from orchestrator.scripts.files import assign, read

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""Matches a control character, but not a tab. Control characters can hide text on a terminal, or change it."""

KILLED = 128 + 9
"""Exit status of a command that was killed, for example by `timeout -s KILL` at its time limit."""

NO_STATUS = -1
"""paramiko's exit status of a command if the server sent no status, for example because the connection broke."""

SPARE = 2
"""Number of sessions that must be free beside a pipe, so that two commands can run while the pipe is open."""

Lines = Sequence[OutputLine]


class Connection(BaseConnector):
    """Runs commands over a connector of pyinfra.

    pyinfra itself also runs all its commands over this object, so that its own facts and operations are protected too.

    + connector: the connector that pyinfra made for the host
    """

    handles_execution = True

    def __init__(self, connector: BaseConnector) -> None:
        self.state, self.host, self.data = connector.state, connector.host, connector.data
        self.inner = connector

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
        self.inner.disconnect()

    @override
    def run_shell_command(
        self, command: StringCommand | str, print_output: bool = False, print_input: bool = False, **arguments: Any
    ) -> tuple[bool, CommandOutput]:
        """Run a command. Return whether the command succeeded, and the lines that the command printed.

        If pyinfra's argument ``_success_exit_codes`` lists other statuses, the command also succeeds with these.

        Raises Silent if the connection is broken. Raises Unclear if the answer is not whole. If a question fails,
        raises the exception of `no_answer`.
        """
        mark = f"answer-{secrets.token_hex(8)}"
        good_statuses = arguments.get("_success_exit_codes") or [0]
        if print_input:
            echo(f"{self.host.print_prefix}>>> {command}", err=True)
        try:
            lines = self._run(marked(command, mark), arguments)
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

    def _run(self, command: StringCommand, arguments: dict[str, Any]) -> Lines:
        """Run a command, and return all lines that the host printed."""
        if isinstance(self.inner, SSHConnector):
            output = _over_ssh(self.inner, command, arguments)
        else:
            _, output = self.inner.run_shell_command(command, print_output=False, print_input=False, **arguments)
        return [OutputLine(line.buffer_name, printable(line.line)) for line in output.combined_lines]

    def pipe(self, command: StringCommand, arguments: dict[str, Any]) -> Pipe | None:
        """Start a command, and return its standard input and output. Return None if the host is not reached by SSH.

        + arguments: pyinfra's arguments that say as which user the command runs

        Raises Silent if the connection is broken, or if the server permits too few sessions at a time. Raises
        CommandFailed if the command does not start.
        """
        return _pipe(self.inner, command, arguments) if isinstance(self.inner, SSHConnector) else None

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


@dataclass(frozen=True)
class Heard:
    """The answer of a command.

    + status: exit status of the command
    + lines: the lines that the command printed, on both outputs
    """

    status: int
    lines: Lines


def marked(command: StringCommand | str, mark: str) -> StringCommand:
    """Return a command that runs ``command`` with a known locale, PATH and umask, and prints the mark before and after.

    + command: any shell command; it may have several lines
    + mark: a word that no other output of the host contains
    """
    # the braces make one command of all lines, because pyinfra may put `cd ... &&` before it
    begin, end = assign(read("scripts/begin.sh"), mark=mark), read("scripts/end.sh")
    return StringCommand("{ ", begin, "\n(", command, "\n)\n", end, "\n}", _separator="")


def no_answer(question: Question, heard: Heard) -> Silent:
    """Return the exception for a question that failed: it reached its time limit, or the host said why it failed."""
    if question.limit and heard.status == KILLED:
        return Silent(f"took longer than {question.limit} s")
    return Unclear(_words(heard.lines, last=True))


def within_marks(lines: Lines, mark: str) -> Heard:
    """Return the answer of a command: its status, and the lines between the two marks.

    + lines: all lines that the host printed
    + mark: the word that the command prints before and after its answer

    Raises Unclear if a mark is missing, or if a mark occurs twice.
    """
    answers = {name: _between([line.line for line in lines if line.buffer_name == name], mark) for name in OUTPUTS}
    found = {answer[0] for answer in answers.values() if answer is not None}
    if None in answers.values() or len(found) != 1:
        raise Unclear(_words([line for line in lines if mark not in line.line], last=not _began(lines, mark)))
    return Heard(
        found.pop(), [OutputLine(name, line) for name, answer in answers.items() if answer for line in answer[1]]
    )


OUTPUTS = ("stdout", "stderr")


def _between(lines: list[str], mark: str) -> tuple[int, list[str]] | None:
    """Return the status and the lines between the marks of one output; None if the answer is not whole."""
    begins = [number for number, line in enumerate(lines) if line == mark]
    ends = [number for number, line in enumerate(lines) if line.startswith(f"{mark} ")]
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        return None
    status = lines[ends[0]].removeprefix(f"{mark} ")
    if not (status.isascii() and status.isdigit()):
        return None
    said = lines[begins[0] + 1 : ends[0]]
    # the mark at the end begins with a line break, which is an empty line unless the last line had no line break
    return int(status), said[:-1] if said and not said[-1] else said


def _began(lines: Lines, mark: str) -> bool:
    return any(line.line == mark for line in lines)


def printable(line: str) -> str:
    r"""Return a line without carriage returns at its end, and with control characters as visible text (``\x1b``)."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line.rstrip("\r"))


def _words(lines: Lines, last: bool) -> str:
    """Return the words of a host, for an error message.

    + last: whether to return only the last line, because the host said there why the command did not run
    """
    said = {
        name: [line.line.strip() for line in lines if line.buffer_name == name and line.line.strip()]
        for name in OUTPUTS
    }
    if last:
        return next((said[name][-1] for name in reversed(OUTPUTS) if said[name]), "")
    return " ".join(line for name in OUTPUTS for line in said[name])


class Pipe:
    """The standard input and output of a command that runs over SSH.

    + transport: the SSH connection
    + channel: the session of the command
    """

    def __init__(self, transport: Transport, channel: Channel) -> None:
        self._transport = transport
        self._channel = channel
        self._rest = b""

    @property
    def ended(self) -> bool:
        """Whether it is known that the command or the connection has ended."""
        return bool(self._channel.closed or self._channel.eof_received) or not self._transport.is_active()

    def send(self, text: str) -> None:
        """Write to the command. Raises Silent if the connection is broken."""
        with _or_silent():
            self._channel.sendall(text.encode())

    def line(self) -> str:
        """Return the next line that the command printed on standard output.

        Raises Silent if the connection is broken, and CommandFailed if the command has ended.
        """
        while b"\n" not in self._rest:
            with _or_silent():
                data = self._channel.recv(65536)
                if not data and not self._channel.eof_received and self._channel.exit_status == NO_STATUS:
                    raise EOFError
            if not data:
                raise CommandFailed
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
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


def _pipe(connector: SSHConnector, command: StringCommand, arguments: dict[str, Any]) -> Pipe:
    """Start a command over SSH, and return its standard input and output, from the first line of the command on."""
    mark = f"answer-{secrets.token_hex(8)}"
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


class _Channel(Protocol):
    def recv_exit_status(self) -> int: ...


def transport_of(host: Host) -> Transport | None:
    """Return the SSH connection to a host; None if pyinfra does not reach the host by SSH."""
    inner = host.connector.inner if isinstance(host.connector, Connection) else host.connector
    client = getattr(inner, "client", None)
    return client.get_transport() if client else None


def _over_ssh(connector: SSHConnector, command: StringCommand, arguments: dict[str, Any]) -> CommandOutput:
    """Run a command over SSH, as pyinfra's connector does, but accept output that is not UTF-8."""
    control = extract_control_arguments(cast(Any, arguments := dict(arguments)))

    def execute() -> tuple[int, CommandOutput]:
        text = make_unix_command_for_host(connector.state, connector.host, command, **arguments)
        logger.debug("Running command on %s: %s", connector.host.name, text)
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

    if not (arguments.get("_sudo") and sys.stdin.isatty()):
        # pyinfra would ask for sudo's password, even if the sudo of a script failed, or if there is no terminal for the
        # answer
        return execute()[1]
    return execute_command_with_sudo_retry(connector.host, cast(Any, arguments), execute)[1]


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
    mark = f"answer-{secrets.token_hex(8)}"
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


def decoded(output: bytes) -> list[str]:
    """Return the lines of an output. Bytes that are not UTF-8 become U+FFFD."""
    lines = output.decode("utf-8", "replace").split("\n")
    return lines if lines[-1] else lines[:-1]

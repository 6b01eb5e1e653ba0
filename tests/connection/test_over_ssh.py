"""Commands over a real SSH connection, to a server in this process whose login shell prints words of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import paramiko
import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.connectors.ssh import SSHConnector
from typing_extensions import override

from orchestrator.connection.connector import Connection
from orchestrator.connection.pipe import SPARE, Pipe
from orchestrator.errors import CommandFailed, Silent, Unclear
from orchestrator.journal.channel import Line
from orchestrator.journal.host import HostStore
from orchestrator.scripts.command import question
from tests.fakes.processes import eventually
from tests.journal.places import somebody

LOGIN = "printf 'Welcome \\377'; echo careful >&2; {command}\nstatus=$?; echo bye; exit $status"


class Files(paramiko.SFTPServerInterface):
    """The files of this machine."""

    @override
    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        handle = paramiko.SFTPHandle(flags)
        opened = Path(path).open("wb" if flags & os.O_CREAT else "rb")  # noqa: SIM115 (the handle closes the file)
        handle.writefile = handle.readfile = opened  # type: ignore[attr-defined]
        return handle

    @override
    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(Path(path).stat())


class Server(paramiko.ServerInterface):
    """Runs each command as sshd does, by a login shell.

    + login: what the login shell runs; ``{command}`` is the command
    + breaks: whether the connection ends in the middle of the answer
    + lives: whether a command gets its input while the command runs
    + sessions: the largest number of sessions that may be open at a time
    + commands: the commands that the server got, each in a session of its own
    """

    def __init__(self) -> None:
        self.login = LOGIN
        self.breaks = self.lives = False
        self.sessions = 10
        self.running: list[subprocess.Popen[bytes]] = []
        self.commands: list[str] = []
        self.key = paramiko.RSAKey.generate(2048)
        self.transport: paramiko.Transport | None = None

    def serve(self, connection: socket.socket) -> None:
        self.transport = paramiko.Transport(connection)
        self.transport.add_server_key(self.key)
        self.transport.start_server(server=self)

    @property
    def open_sessions(self) -> int:
        assert self.transport
        return len(self.transport._channels)  # type: ignore[attr-defined]

    @override
    def check_auth_none(self, username: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    @override
    def get_allowed_auths(self, username: str) -> str:
        return "none"

    @override
    def check_channel_request(self, kind: str, chanid: int) -> int:
        if self.open_sessions == self.sessions:
            return paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return paramiko.common.OPEN_SUCCEEDED

    @override
    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command.decode())
        threading.Thread(target=self._run, args=(channel, command.decode()), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        if mark := re.search(r"mark=(\S+)\nfor program in .*sftp", command):
            channel.sendall(b"Welcome \xff\n" + f"\n{mark[1]}\n".encode())
            paramiko.SFTPServer(channel, "sftp", self, Files).start()
            return
        login = self.login.replace("{command}", command)
        if self.lives:
            self._live(channel, login)
            return
        stdin = channel.makefile("rb").read()
        done = subprocess.run(["bash", "-c", login], input=stdin, capture_output=True)
        if self.breaks:
            channel.sendall(done.stdout[:20])
            assert self.transport
            self.transport.close()
            return
        # the client may close the connection as soon as it has the status
        with suppress(EOFError):
            channel.sendall(done.stdout)
            channel.sendall_stderr(done.stderr)
            channel.send_exit_status(done.returncode)
            channel.close()

    def _live(self, channel: paramiko.Channel, login: str) -> None:
        started = subprocess.Popen(
            ["bash", "-c", login],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self.running.append(started)
        assert started.stdin
        assert started.stdout
        assert started.stderr

        def forward() -> None:
            assert started.stdin
            with suppress(OSError):
                while data := channel.recv(65536):
                    started.stdin.write(data)
            started.stdin.close()

        def back(output: IO[bytes], send: Callable[[bytes], None]) -> None:
            with suppress(OSError):
                while data := output.read(65536):
                    send(data)

        errors = threading.Thread(target=back, args=(started.stderr, channel.sendall_stderr), daemon=True)
        threading.Thread(target=forward, daemon=True).start()
        errors.start()
        back(started.stdout, channel.sendall)
        errors.join()
        with suppress(OSError, EOFError):
            channel.send_exit_status(started.wait() & 0xFF)
            channel.close()


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.fixture
def host(server: Server) -> Iterator[Host]:
    server.login, server.breaks, server.lives, server.sessions = LOGIN, False, False, 10
    server.commands.clear()
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=server.serve, args=(theirs,), daemon=True)
    serving.start()
    client = paramiko.SSHClient()
    transport = paramiko.Transport(ours)
    transport.start_client()
    transport.auth_none("deploy")
    client._transport = transport  # type: ignore[attr-defined]
    found = State(Inventory((["node1"], {})), Config()).inventory.get_host("node1")
    assert isinstance(found.connector, SSHConnector)
    found.connector.client = client  # type: ignore[assignment]
    found.connector = Connection(found.connector)
    yield found
    transport.close()


def run(host: Host, command: StringCommand | str, **arguments: Any) -> tuple[bool, list[str], list[str]]:
    good, output = host.run_shell_command(command, **arguments)
    return good, output.stdout_lines, output.stderr_lines


def test_only_the_words_of_the_command_are_heard(host: Host) -> None:
    assert run(host, "echo one; echo two >&2") == (True, ["one"], ["two"])
    assert run(host, "echo why >&2; exit 3") == (False, [], ["why"])
    assert run(host, "exit 3", _success_exit_codes=[3]) == (True, [], [])


def test_bytes_and_escapes_arrive_as_text(host: Host) -> None:
    assert run(host, "printf 'a\\377\\033[2J\\n'") == (True, ["a\ufffd\\x1b[2J"], [])


def test_the_command_gets_the_standard_input(host: Host) -> None:
    assert run(host, "cat", _stdin="one\ntwo") == (True, ["one", "two"], [])


def test_much_output_on_both_sides_arrives_whole(host: Host) -> None:
    good, stdout, stderr = run(host, "seq 1 60000; seq 1 3000 >&2")
    assert (good, len(stdout), len(stderr)) == (True, 60000, 3000)


def test_sudo_in_a_script_is_quoted_and_asks_nobody(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(prompt: str) -> str:
        raise AssertionError(prompt)

    monkeypatch.setattr("pyinfra.connectors.util.getpass", asked)
    refusal = "sudo: a password is required"
    assert run(host, f"echo {refusal} >&2; exit 1") == (False, [], [refusal])


def test_a_failed_question_has_no_answer(host: Host) -> None:
    with pytest.raises(Unclear, match="its answer cannot be read: no such thing"):
        run(host, question("echo 1; echo no such thing >&2; exit 1"))


def test_a_login_without_a_shell_is_quoted(host: Host, server: Server) -> None:
    server.login = "echo 'This account is currently not available.'; exit 1"
    with pytest.raises(Unclear, match="its answer cannot be read: This account is currently not available"):
        run(host, "true")


def test_a_broken_connection_is_not_an_answer(host: Host, server: Server) -> None:
    server.breaks = True
    with pytest.raises(Silent, match="stopped answering"):
        run(host, "echo one")
    with pytest.raises(Silent, match="not active"):
        run(host, "echo one")


def test_files_are_copied_whatever_the_login_prints(host: Host, tmp_path: Path) -> None:
    content = os.urandom(100_000)
    (tmp_path / "here").write_bytes(content)
    assert host.put_file(str(tmp_path / "here"), str(tmp_path / "there"))
    assert host.get_file(str(tmp_path / "there"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


@pytest.fixture
def pipe(host: Host, server: Server) -> Pipe:
    """A pipe to a program that answers each line, at a host with a login that prints words of its own."""
    server.lives = True
    command = StringCommand('while read -r line; do echo "got $line"; echo oh >&2; done; echo ended')
    assert isinstance(host.connector, Connection)
    opened = host.connector.pipe(command, {})
    assert opened is not None
    return opened


def test_a_pipe_takes_lines_and_gives_lines(pipe: Pipe, server: Server) -> None:
    for line in ("one", "two", "x" * 100_000):
        pipe.send(f"{line}\n")
        assert pipe.line() == f"got {line}"
    pipe.send("three\nfour\n")
    assert [pipe.line(), pipe.line()] == ["got three", "got four"]
    assert not pipe.ended
    pipe.close()
    assert pipe.ended
    assert server.running[-1].wait(30) == 0


def test_a_pipe_says_that_its_program_has_ended(pipe: Pipe, server: Server) -> None:
    os.killpg(server.running[-1].pid, signal.SIGKILL)
    # the login shell may print its words before it is killed, too
    with pytest.raises(CommandFailed):
        list(iter(pipe.line, None))
    eventually(lambda: pipe.ended)


def test_a_pipe_says_that_its_connection_broke(pipe: Pipe, server: Server) -> None:
    assert server.transport
    server.transport.close()
    with pytest.raises(Silent, match="stopped answering"):
        pipe.line()
    assert pipe.ended
    with pytest.raises(Silent):
        pipe.send("one\n")


def test_commands_run_beside_a_pipe(pipe: Pipe, host: Host, server: Server) -> None:
    server.lives = False
    assert run(host, "echo one") == (True, ["one"], [])
    pipe.send("two\n")
    assert pipe.line() == "got two"


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_a_pipe_takes_the_place_of_no_command(host: Host, server: Server, sessions: int) -> None:
    server.sessions, server.lives = sessions, True
    assert isinstance(host.connector, Connection)
    if sessions > SPARE:
        assert host.connector.pipe(StringCommand("cat"), {}) is not None
    else:
        with pytest.raises(Silent):
            host.connector.pipe(StringCommand("cat"), {})
    server.lives = False
    eventually(lambda: server.open_sessions < sessions)
    assert run(host, "echo one") == (True, ["one"], [])


def test_a_login_without_a_shell_opens_no_pipe(host: Host, server: Server) -> None:
    server.login, server.lives = "echo 'This account is currently not available.'; exit 1", True
    assert isinstance(host.connector, Connection)
    with pytest.raises((CommandFailed, Silent)):
        host.connector.pipe(StringCommand("cat"), {})


def test_a_pipe_runs_as_the_user_that_the_options_name(host: Host, server: Server) -> None:
    server.login, server.lives = 'sudo() { [ "$1 $2" = "-H -n" ] && shift 2 && as=root "$@"; }; {command}', True
    assert isinstance(host.connector, Connection)
    pipe = host.connector.pipe(StringCommand('echo "$as"; cat'), {"_sudo": True, "_sudo_user": None})
    assert pipe is not None
    assert pipe.line() == "root"
    pipe.send("one\n")
    assert pipe.line() == "one"
    pipe.close()


def test_the_journal_is_written_through_ssh(host: Host, server: Server, tmp_path: Path) -> None:
    server.lives = True
    commands: list[str] = []

    def shell(command: StringCommand, text: str) -> list[str]:
        commands.append(text)
        server.lives = False
        good, lines, _ = run(host, command, _stdin=text)
        server.lives = True
        assert good
        return lines

    assert isinstance(host.connector, Connection)
    connector = host.connector
    line = Line(lambda command: connector.pipe(command, {}), lambda act: act())
    store, ann = HostStore(shell, str(tmp_path / "journal"), line=line), somebody()
    assert store.take(ann, 15.0) == 1
    for number in range(5):
        store.append(ann, 1, [{"record": "r", "number": number, "text": "$x \u00e4\n" * 3000}])
        store.renew(ann)
    assert store.end(ann, 1, [{"record": "end"}])
    assert commands == [""]
    (records,) = store.read().runs
    assert [record.get("number") for record in records] == [*range(5), None]
    assert server.running[-1].wait(30) == 0

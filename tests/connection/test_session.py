"""Commands that share one SSH session, at a server in this process whose login shell prints words of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from orchestrator.connection.connector import Connection
from orchestrator.connection.pipe import Pipe
from orchestrator.connection.session import LONGEST_INPUT, OPENINGS, SCRIPT
from orchestrator.errors import Silent, Unclear
from orchestrator.operations.build import build
from orchestrator.operations.hook import hook
from orchestrator.operations.migrate import migrate
from orchestrator.operations.promote import promote
from orchestrator.scripts.command import Shared, question
from tests.connection.test_over_ssh import Server
from tests.connection.test_over_ssh import host as host
from tests.connection.test_over_ssh import server as server
from tests.fakes.processes import eventually

ENVIRONMENT = 'echo "$LC_ALL $PATH $(umask) $PWD"; echo "${ORCHESTRATOR_LC_ALL-none} $ORCHESTRATOR_PATH ${mark+set}"'


def run(host: Host, text: str, **arguments: Any) -> tuple[bool, list[str], list[str]]:
    good, output = host.run_shell_command(Shared(text), **arguments)
    return good, output.stdout_lines, output.stderr_lines


@pytest.fixture
def shared(host: Host, server: Server) -> Host:
    """A host whose shared session is open."""
    server.lives = True
    for number in range(2):
        server.lives = number == 1
        assert run(host, "echo first") == (True, ["first"], [])
    assert len(server.commands) == 2
    return host


def test_many_commands_share_one_session(shared: Host, server: Server) -> None:
    for number in range(5):
        assert run(shared, f"echo {number}; echo no >&2; exit {number}") == (number == 0, [str(number)], ["no"])
    assert len(server.commands) == 2
    good, stdout, stderr = run(shared, "seq 1 60000; seq 1 3000 >&2")
    assert (good, len(stdout), len(stderr)) == (True, 60000, 3000)
    with pytest.raises(Unclear, match="no such thing"):
        shared.run_shell_command(question("echo no such thing >&2; exit 1"))
    assert run(shared, f"printf %s {'x' * 100_000}") == (True, ["x" * 100_000], [])
    assert len(server.commands) == 2


@pytest.mark.parametrize("login", ["", "export LC_ALL=de_DE.UTF-8 PATH=/usr/bin:/bin:/opt; umask 077; "])
def test_a_shared_session_changes_nothing_for_a_command(host: Host, server: Server, login: str) -> None:
    server.login = login + server.login
    alone = run(host, ENVIRONMENT)
    server.lives = True
    assert [run(host, ENVIRONMENT), run(host, "cd /; umask 0; PATH=; mark=1"), run(host, ENVIRONMENT)] == [
        alone,
        (True, [], []),
        alone,
    ]
    assert len(server.commands) == 2


@pytest.mark.parametrize("stdin", ["one", "one\n\ntwo\n\n", "\u00e4 $x `y` \\n %s", "x" * LONGEST_INPUT, "-n"])
def test_commands_with_input_share_the_session(shared: Host, server: Server, tmp_path: Path, stdin: str) -> None:
    assert run(shared, "cat") == (True, [], [])
    for command in (f"cat >{tmp_path}/got", "exit 0", f"head -c 1 >{tmp_path}/one", f"cat >{tmp_path}/again"):
        assert run(shared, command, _stdin=stdin) == (True, [], [])
    assert (tmp_path / "got").read_text() == (tmp_path / "again").read_text() == stdin
    assert len(server.commands) == 2


@pytest.mark.parametrize("stdin", ["x" * (LONGEST_INPUT + 1), "a\0b", ["one", "two"]], ids=["long", "NUL", "list"])
def test_some_inputs_need_their_own_session(shared: Host, server: Server, stdin: Any) -> None:
    server.lives = False
    good, output, _ = run(shared, "cat", _stdin=stdin)
    assert (good, bool(output)) == (True, True)
    assert len(server.commands) == 3


def test_plain_commands_have_their_own_session(shared: Host, server: Server) -> None:
    for command in ("echo one", StringCommand("echo one")):
        good, output = shared.run_shell_command(command)
        assert (good, output.stdout_lines) == (True, ["one"])
    assert len(server.commands) == 4


def test_code_of_the_application_shares_no_session() -> None:
    about: dict[str, Any] = {"root": "/srv/shop", "release": "1", "color": "blue"}
    for operation, more in (
        (build, {"step": "assets", "run": "make", "live": None}),
        (hook, {"run": "true", "directory": "/"}),
        (migrate, {"key": "1", "run": "true"}),
        (promote, {"app": "shop"}),
    ):
        known = operation._inner.__code__.co_varnames[: operation._inner.__code__.co_argcount]
        arguments = {name: value for name, value in {**about, **more}.items() if name in known}
        (command,) = operation._inner(**arguments)
        assert isinstance(command, Shared) == (operation is promote)


@pytest.mark.parametrize(
    ("text", "sessions"),
    [("kill -9 $$", 1), (")\nfi\n(", 1), ("kill -9 -$(ps -o pgid= $$ | tr -d ' ')", 2)],
    ids=["its shell", "bad syntax", "the session"],
)
def test_a_command_that_is_killed_gives_no_answer(shared: Host, server: Server, text: str, sessions: int) -> None:
    with pytest.raises((Unclear, Silent)):
        run(shared, f"echo one; {text}; sleep 1")
    assert run(shared, "echo two") == (True, ["two"], [])
    assert len(server.commands) == 1 + sessions


def test_a_session_that_was_killed_opens_again(shared: Host, server: Server) -> None:
    assert isinstance(shared.connector, Connection)
    session = shared.connector._sessions[0]
    for times in range(OPENINGS):
        os.killpg(server.running[-1].pid, signal.SIGKILL)
        eventually(lambda: session._pipe is None or session._pipe.ended)
        server.lives = times < OPENINGS - 1
        assert run(shared, "echo two") == (True, ["two"], [])
    assert len(server.commands) == OPENINGS + 2


def test_nobody_hears_the_rest_of_an_answer(
    shared: Host, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = Pipe.line

    def late(this: Pipe, output: Any = "stdout") -> str:
        if output == "stdout":
            raise TimeoutError
        return line(this, output)

    with monkeypatch.context() as patched:
        patched.setattr(Pipe, "line", late)
        with pytest.raises(Silent):
            run(shared, f"echo old; touch {tmp_path}/done")
    assert run(shared, "echo new") == (True, ["new"], [])
    eventually(lambda: (tmp_path / "done").exists())


def test_a_broken_connection_is_no_answer(shared: Host, server: Server) -> None:
    assert server.transport
    server.transport.close()
    with pytest.raises(Silent):
        run(shared, "echo one")


def test_commands_share_a_second_session_while_the_first_is_busy(shared: Host, server: Server) -> None:
    assert isinstance(shared.connector, Connection)
    shared.connector._sessions[0].busy = True
    for number in range(3):
        assert run(shared, f"echo {number}") == (True, [str(number)], [])
    shared.connector._sessions[0].busy = False
    assert run(shared, "echo last") == (True, ["last"], [])
    assert len(server.commands) == 3


def test_three_commands_at_once_do_not_wait(shared: Host, server: Server) -> None:
    assert isinstance(shared.connector, Connection)
    server.lives = False
    for session in shared.connector._sessions:
        session.busy = True
    assert run(shared, "echo one") == (True, ["one"], [])
    for session in shared.connector._sessions:
        session.busy = False
    assert len(server.commands) == 3


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_server_with_few_sessions_shares_none(host: Host, server: Server, sessions: int) -> None:
    server.sessions = sessions
    for _ in range(OPENINGS + 3):
        assert run(host, "echo one") == (True, ["one"], [])
        eventually(lambda: server.open_sessions == 0)
    assert len(server.commands) == OPENINGS + 3


@pytest.mark.parametrize("cut", [1, 5, 20])
@pytest.mark.parametrize("stdin", ["", "one, two, three, four"])
def test_a_command_that_was_cut_off_does_not_run(tmp_path: Path, cut: int, stdin: str) -> None:
    text, more = f"touch {tmp_path}/done; touch {tmp_path}/doneMARK", f"{stdin}MARK" if stdin else ""
    request = f"{len(text)} {len(more)}\n{text}{more}"
    environment = {**os.environ, "ORCHESTRATOR_PATH": os.environ["PATH"], "ORCHESTRATOR_LC_ALL": ""}
    script = ["sh", "-c", SCRIPT, "orchestrator", "MARK"]
    done = subprocess.run(script, input=request[:-cut].encode(), env=environment, capture_output=True)
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []
    done = subprocess.run(script, input=request.encode(), env=environment, capture_output=True)
    assert (done.returncode, done.stdout.split(), done.stderr.split()) == (0, [b"MARK"], [b"MARK"])
    assert list(tmp_path.iterdir()) == [tmp_path / "done"]

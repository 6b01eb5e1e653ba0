"""Commands that are sent to a host directly."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command_for_host
from pyinfra.operations.server import shell

from orchestrator.connection.connector import Connection
from tests.fakes.world import World


@pytest.mark.parametrize(("sudo", "words"), [(True, "sudo -H -n sh -c"), (False, "sh -c")])
def test_a_direct_command_runs_as_root_with_sudo(
    sudo: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def run(self: FakeConnector, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        for name in ("_stdin", "print_input", "print_output"):
            arguments.pop(name, None)
        sent.append(str(make_unix_command_for_host(self.state, self.host, command, **arguments)))
        done = subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True)
        outputs = {"stdout": done.stdout, "stderr": done.stderr}
        return True, CommandOutput([OutputLine(name, line) for name in outputs for line in outputs[name].split("\n")])

    fleet = World(tmp_path, 1, ("haproxy",)).fleet()
    monkeypatch.setattr(FakeConnector, "run_shell_command", run)
    fleet.state.config.SUDO = sudo
    assert fleet.shell(fleet.host("node1"), StringCommand("true")) == []
    assert len(sent) == 1
    assert sent[0].startswith(words)


def test_a_pipe_has_the_rights_of_a_direct_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def pipe(self: Connection, command: StringCommand, arguments: dict[str, Any]) -> None:
        asked.append(arguments)

    fleet = World(tmp_path, 1, ("haproxy",)).fleet()
    assert fleet.pipe(fleet.host("node1"), StringCommand("cat")) is None
    monkeypatch.setattr(Connection, "pipe", pipe)
    fleet.state.config.SUDO, fleet.state.config.SUDO_USER = True, "deploy"
    assert fleet.pipe(fleet.host("node1"), StringCommand("cat")) is None
    assert (asked[0]["_sudo"], asked[0]["_sudo_user"]) == (True, "deploy")


def test_an_operation_has_the_arguments_of_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, dict[str, Any]] = {}

    def run(self: Host, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        given[self.name] = arguments
        return True, CommandOutput([OutputLine("stdout", "out"), OutputLine("stderr", "error")])

    fleet = World(tmp_path, 3, ("haproxy",)).fleet()
    fleet.state.config.SUDO_USER = "admin"
    fleet.host("node2").data._sudo = True
    fleet.host("node3").data._env = {"http_proxy": "http://proxy"}
    monkeypatch.setattr(Host, "run_shell_command", run)
    replies = fleet.each(fleet.nodes, lambda host: fleet.operate(host, shell, "text", commands=["true"]), 5.0)
    assert [reply.value for reply in replies] == [["out"]] * 3
    assert [given[name]["_sudo"] for name in fleet.nodes] == [False, True, False]
    assert [given[name]["_env"] for name in fleet.nodes] == [{}, {}, {"http_proxy": "http://proxy"}]
    assert {(one["_sudo_user"], one["_stdin"]) for one in given.values()} == {("admin", "text")}


def test_an_operation_ends_with_its_first_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(self: Host, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        ran.append(str(command))
        lines = [OutputLine("stderr", f"error of {command}"), OutputLine("stdout", f"out of {command}")]
        return "bad" not in str(command), CommandOutput(lines)

    fleet = World(tmp_path, 1, ("haproxy",)).fleet()
    monkeypatch.setattr(Host, "run_shell_command", run)
    (reply,) = fleet.each(["node1"], lambda host: fleet.operate(host, shell, commands=["good", "bad", "never"]), 5.0)
    assert (len(ran), reply.error) == (2, f"error of {ran[1]}")
    assert [line.split()[0] for line in reply.output] == ["out", "out", "error", "error"]


def test_a_host_whose_connection_broke_gets_a_new_one(tmp_path: Path) -> None:
    world = World(tmp_path, 2, ("haproxy",))
    world.down.add("node2")
    fleet = world.fleet()
    fleet.host("node1").connected = False
    replies = fleet.each(["node1", "node2"], lambda host: host.name, 5.0)
    assert [(reply.value, reply.error) for reply in replies] == [("node1", None), (None, "cannot be reached")]


def test_each_verb_sends_each_packet_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        monkeypatch.setattr("orchestrator.fleet.transport_of", lambda host: SimpleNamespace(sock=connection))
        World(tmp_path, 1, ("haproxy",)).fleet()
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

"""The output of a command over a real SSH connection, line by line, and its end with the connection."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.console import lines
from orchestrator.scripts.guarded import guarded
from orchestrator.verbs.task import SCRIPT
from tests.connection import test_over_ssh as over_ssh
from tests.fakes.processes import eventually, wait_until_dead

RELEASE = "20260101T000000Z-aaaaaaa"


class Live(over_ssh.Server):
    """Sends the output of a command as it comes, as sshd does."""

    @override
    def _run(self, channel: paramiko.Channel, command: str) -> None:
        process = subprocess.Popen(
            ["bash", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdin is not None
        assert process.stdout is not None
        inputs, outputs = process.stdin, process.stdout

        def feed() -> None:
            while data := channel.recv(4096):
                inputs.write(data)
            inputs.close()

        threading.Thread(target=feed, daemon=True).start()
        while data := os.read(outputs.fileno(), 4096):
            if not channel.closed:
                channel.sendall(data)
        status = process.wait()
        if not channel.closed:
            channel.send_exit_status(status)
            channel.close()


@pytest.fixture(scope="module")
def server() -> Live:
    return Live()


host = over_ssh.host


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A node's directory with a live release."""
    (tmp_path / "releases" / RELEASE).mkdir(parents=True)
    (tmp_path / "blue").mkdir()
    (tmp_path / "blue/release").symlink_to(f"../releases/{RELEASE}")
    (tmp_path / "live").symlink_to("blue")
    return tmp_path


def task(root: Path, run: str) -> StringCommand:
    return guarded(SCRIPT, [str(root), run, "", "", "mark", "watch"], None)


def test_each_line_comes_at_once(host: Host, root: Path) -> None:
    heard: list[str] = []

    def take(line: str) -> None:
        heard.append(line)
        if line == "begun":
            # the command waits for this file, so it would not end if its lines came only at its end
            (root / "goes-on").touch()

    run = "echo begun >&2; while [ ! -e ../../goes-on ]; do sleep 0.05; done; echo $COLOR; printf end; exit 3"
    assert lines.keeps_input(host)
    assert lines.at_host(host, task(root, run), take) == 3
    assert heard[heard.index("mark") + 1 :] == ["begun", "blue", "end"]


class Stopped(Exception):
    """As if the operator pressed Ctrl-C."""


def test_a_command_ends_when_nobody_reads_on(host: Host, root: Path) -> None:
    def take(line: str) -> None:
        if line == "begun":
            raise Stopped

    run = "sleep 600 & echo $! >../../child; echo $$ >../../main; echo begun; wait"
    with pytest.raises(Stopped):
        lines.at_host(host, task(root, run), take)
    eventually(lambda: (root / "main").exists())
    for name in ("child", "main"):
        wait_until_dead(int((root / name).read_text()))

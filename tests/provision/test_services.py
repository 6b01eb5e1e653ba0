"""The scripts that run a color's services, run for real: what a service gets, and when it counts as started."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from orchestrator.provision import render

RELEASE = "20260101T120000Z-abcdef0"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node whose blue color has a release, with a program in it."""
    bin_directory = tmp_path / "srv/releases" / RELEASE / "bin"
    bin_directory.mkdir(parents=True)
    program = bin_directory / "tell"
    program.write_text('#!/bin/sh\necho "$PPID $RELEASE $COLOR $SOCKET $(pwd) $*"\n')
    program.chmod(0o755)
    for color in ("blue", "green"):
        (tmp_path / "srv" / color / "run").mkdir(parents=True)
    (tmp_path / "srv/blue/release").symlink_to(f"../releases/{RELEASE}")
    (tmp_path / "etc/services").mkdir(parents=True)
    (tmp_path / "serve").write_text(render._render("serve.j2", root=f"{tmp_path}/srv", etc=f"{tmp_path}/etc"))
    return tmp_path


def serve(node: Path, command: str, color: str = "blue", seconds: float = 5) -> subprocess.CompletedProcess[str]:
    (node / "etc/services/ws").write_text(command + "\n")
    return subprocess.run(
        ["sh", str(node / "serve"), color, "ws"], capture_output=True, text=True, cwd="/", timeout=seconds
    )


def test_a_service_runs_in_the_colors_release_and_knows_it(node: Path) -> None:
    done = serve(node, "bin/tell a 'b  c' \"$COLOR\"")
    home = node / "srv/releases" / RELEASE
    wanted = [str(os.getpid()), RELEASE, "blue", f"{node}/srv/blue/run/ws.sock", str(home), "a", "b  c blue"]
    # the process is the service itself: no shell stands between it and systemd
    assert done.stdout == " ".join(wanted) + "\n", done.stderr


@pytest.mark.parametrize("command", ["bin/none --port 1", "no-such-program"])
def test_a_release_without_the_command_is_a_clear_line(node: Path, command: str) -> None:
    done = serve(node, command)
    assert done.returncode == 127
    assert done.stderr == f"release {RELEASE} has no command {command.split()[0]}\n"


def test_a_color_without_a_release_waits(node: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        serve(node, "bin/tell", "green", seconds=0.5)


def test_a_color_whose_release_is_gone_fails(node: Path) -> None:
    (node / "srv/green/release").symlink_to("../releases/gone")
    done = serve(node, "bin/tell", "green")
    assert done.returncode == 1
    assert "green's release is not on this node" in done.stderr


class Server:
    """Listens after a while, and answers."""

    def __init__(self, path: Path, after: float, answer: bytes) -> None:
        self._path, self._after, self._answer = path, after, answer
        self.listening: float | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        time.sleep(self._after)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._path))
            listener.listen()
            self.listening = time.monotonic()
            listener.settimeout(5)
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self._answer)
                time.sleep(6)


def answers(node: Path, color: str, pid: int) -> tuple[int, float]:
    words = ["sh", str(render.TEMPLATES / "answers"), str(node / "s"), "/ws", str(node / "srv" / color / "release")]
    done = subprocess.run(words, env=os.environ | {"MAINPID": str(pid)}, timeout=10)
    return done.returncode, time.monotonic()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",  # and no end
    ],
)
def test_it_is_started_once_it_answers(node: Path, answer: bytes) -> None:
    server = Server(node / "s", 0.3, answer)
    status, ended = answers(node, "blue", os.getpid())
    assert status == 0
    assert server.listening is not None
    assert 0 < ended - server.listening < 5


def test_a_process_that_ended_will_not_answer(node: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert answers(node, "blue", process.pid)[0] == 1


def test_a_color_without_a_release_has_nothing_to_answer(node: Path) -> None:
    assert answers(node, "green", os.getpid())[0] == 0

"""nginx's hold, run for real without nginx: a client of the socket waits until the hold ends."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.layout import BalancerLayout
from orchestrator.switches.nginx import Nginx
from tests.fakes.processes import eventually

LAYOUT = BalancerLayout("shop")


@pytest.fixture
def state() -> Iterator[Path]:
    """The state directory. The path of a unix socket must be short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        (Path(made) / "systemctl").write_text("#!/bin/sh\necho active\n")
        (Path(made) / "systemctl").chmod(0o755)
        yield Path(made)
        hold(Path(made), 0)


def hold(state: Path, seconds: int) -> str:
    """Run the script as the deploy user does. Returns what it prints."""
    script = Nginx(LAYOUT).hold.replace(LAYOUT.state, str(state))
    done = subprocess.run(
        ["sh", "-c", script, "hold", str(seconds)],
        env={**os.environ, "PATH": f"{state}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def client(state: Path) -> socket.socket:
    """A connection with a request, as nginx opens it."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(state / "hold.sock"))
    made.sendall(b"GET / HTTP/1.0\r\n\r\n")
    made.setblocking(False)
    return made


def waits(one: socket.socket) -> bool:
    """Whether nobody has answered or closed the connection."""
    try:
        one.recv(1)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return False


def test_clients_wait_until_the_hold_ends(state: Path) -> None:
    assert hold(state, 600) == ""
    with client(state) as first, client(state) as second:
        assert waits(first)
        assert waits(second)
        assert hold(state, 0) == ""
        eventually(lambda: not waits(first))
        eventually(lambda: not waits(second))
    assert not (state / "hold").exists()
    assert hold(state, 0) == "ended"


def test_a_second_hold_replaces_the_first(state: Path) -> None:
    hold(state, 600)
    with client(state) as first:
        hold(state, 600)
        eventually(lambda: not waits(first))
        with client(state) as second:
            assert waits(second)


def test_a_hold_ends_without_a_command(state: Path) -> None:
    hold(state, 1)
    with client(state) as one:
        eventually(lambda: not waits(one))
    assert not (state / "hold").exists()
    assert hold(state, 0) == "ended"

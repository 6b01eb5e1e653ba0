"""A release waits for the streams and requests of the idle color; at the limit it cuts them or refuses."""

from __future__ import annotations

import time
from pathlib import Path

import gevent
import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World

pytestmark = pytest.mark.exhaustive

IDLE = "0 0 10.0.0.1:8082 10.0.0.9:4000 cubic lastsnd:400 lastrcv:900 lastack:400"
BUSY = "0 0 10.0.0.1:8082 10.0.0.9:4000 cubic lastsnd:900 lastrcv:400 lastack:400"


def socket_lines(path: Path) -> str:
    """Output of ``ss -HxaO``: two streams, one without its other end, a pending connection, PHP-FPM's sockets."""
    return (
        f"u_str LISTEN 1 4096 {path}/ws.sock 11 * 0\n"
        f"u_str ESTAB 0 0 {path}/ws.sock 12 * 21\n"
        f"u_str ESTAB 0 0 {path}/ws.sock 13 * 0\n"
        f"u_str LISTEN 7 4096 {path}/fpm.sock 14 * 0\n"
        f"u_str ESTAB 0 0 {path}/fpm.sock 15 * 25\n"
    )


def settings(world: World, **drain: object) -> Settings:
    return load(world.settings | {"drain": {"limit": 0.5} | drain})


def release(world: World, settings: Settings) -> int:
    return verbs.release(world.fleet(settings), Options(ref="v1"))


def open_streams(world: World, node: str) -> Path:
    file = world.path / node / "sockets"
    file.write_text(socket_lines(world.root(node) / "green/run"))
    return file


def test_streams_are_waited_for(released: World) -> None:
    file = open_streams(released, "node2")
    gevent.spawn_later(0.6, file.unlink)
    began = time.monotonic()
    assert release(released, settings(released, limit=20)) == 0
    assert time.monotonic() - began > 0.6


def test_at_the_limit_they_are_cut_with_a_line(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    open_streams(released, "node2")
    assert release(released, settings(released)) == 0
    assert "    warning: node2: green still had 2 streams after 0.5 s: they are cut\n" in capsys.readouterr().err


def test_or_the_release_is_refused_and_nothing_is_cut(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = released.snapshot()
    started = [(released.path / node / "systemd/shop-green.target").read_text() for node in released.nodes]
    open_streams(released, "node2")
    assert release(released, settings(released, at_limit="refuse")) == 1
    assert "quiet failed on node2: green still had 2 streams after 0.5 s: nothing is cut" in capsys.readouterr().err
    assert released.snapshot() == before
    assert [(released.path / node / "systemd/shop-green.target").read_text() for node in released.nodes] == started


@pytest.mark.parametrize(("line", "said"), [(IDLE, ""), (BUSY, "green still had 1 connection after 0.5 s: it is cut")])
def test_a_connection_counts_while_it_carries_a_request(
    released: World, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    (released.path / "node1/connections").write_text(line + "\n")
    assert release(released, settings(released)) == 0
    assert released.live("node1") == Color.green
    told = capsys.readouterr().err
    assert said in told
    assert ("still had" in told) == bool(said)

"""A release waits for the streams and requests of the idle color; at the limit it cuts them or refuses."""

from __future__ import annotations

import time
from pathlib import Path

import gevent
import pytest
from pyinfra.api.host import Host

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.facts.idle import InFlight
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.handlers.quiet import QuietHandler
from orchestrator.run.walk import Result
from tests.fakes.world import World
from tests.run.test_partial import release_without

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


def join(world: World, **drain: object) -> int:
    return verbs.join(world.fleet(settings(world, **drain)), Options(node="node3"))


@pytest.mark.parametrize("line", [IDLE, BUSY])
def test_a_join_waits_until_connections_have_ended(released: World, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A balancer may send its next request on each connection that was open when the node was barred."""
    release_without(released, "node3")
    connections, mark = released.path / "node3/connections", released.root("node3") / "guard/drain"
    connections.write_text(line + "\n")
    looks: list[str] = []
    look = QuietHandler._node

    def ended(this: QuietHandler, host: Host, color: Color) -> InFlight:
        seen = look(this, host, color)
        if connections.exists():
            looks.append(mark.read_text())
            connections.unlink()
        return seen

    started: list[bool] = []
    one = Executor._one

    def start(this: Executor, step: Step, undoing: bool) -> Result:
        if step.action.name == "start":
            started.append(connections.exists())
        return one(this, step, undoing)

    monkeypatch.setattr(QuietHandler, "_node", ended)
    monkeypatch.setattr(Executor, "_one", start)
    assert join(released, limit=20) == 0
    assert looks == ["a join\n"]
    assert started == [False, False]
    assert not mark.exists()


def test_a_join_cuts_off_no_stream(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    release_without(released, "node3")
    open_streams(released, "node3")
    before = [(released.path / f"node3/systemd/shop-{color.value}.target").read_text() for color in Color]
    assert join(released, at_limit="refuse") == 1
    assert "quiet live failed on node3: green still had 2 streams after 0.5 s: nothing" in capsys.readouterr().err
    after = [(released.path / f"node3/systemd/shop-{color.value}.target").read_text() for color in Color]
    assert after == before
    assert not (released.root("node3") / "guard/drain").exists()
    (released.path / "node3/sockets").unlink()
    assert join(released, at_limit="refuse") == 0


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

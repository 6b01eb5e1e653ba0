"""The color that lost the traffic gets fewer workers after a while, and all of them before it gets traffic again."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.plan.preflight import rollback
from orchestrator.provision import render
from orchestrator.survey import survey
from orchestrator.verbs.status import _runs
from tests.fakes.world import BIN, World

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def settings(released: World) -> Settings:
    return load(released.settings | {"php": {"workers": 8, "idle_workers": 2}})


@pytest.fixture
def fleet(released: World, settings: Settings) -> Fleet:
    return released.fleet(settings)


def timer(world: World, node: str, color: str) -> Path:
    """The file that exists while the timer runs."""
    return world.path / node / f"systemd/shop-{color}-shrink.timer"


def shrink(world: World, settings: Settings, node: str, color: str) -> int:
    """Do what the timer does when its time is over."""
    host = world.path / node
    text = render.shrink(settings)
    for path in ("/srv/shop", "/usr/local/lib/orchestrator"):
        text = text.replace(path, f"{host}{path}")
    words = ["sh", "-c", text.replace("/usr/bin/systemctl", "systemctl"), "shrink", color]
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOST_ROOT": str(host)}
    return subprocess.run(words, env=environment).returncode


def test_idle_workers_without_provisioning_do_not_fail_a_run(
    released: World, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sudo = tmp_path / "bin/sudo"
    sudo.parent.mkdir()
    refuses = 'case "$*" in *shrink.timer*) echo "sudo: a password is required" >&2; exit 1 ;; esac'
    sudo.write_text(f'#!/bin/sh\n{refuses}\nexec {BIN}/sudo "$@"\n')
    sudo.chmod(0o755)
    answer = World.answer

    def without_rule(world: World, connector: Any, command: str, stdin: str = "") -> Any:
        return answer(world, connector, f"PATH={sudo.parent}:$PATH; export PATH; {command}", stdin)

    monkeypatch.setattr(World, "answer", without_rule)
    assert verbs.release(fleet, Options(ref="v1")) == 0
    told = "blue keeps all its workers: there is no timer for php.idle_workers (run deploys/provision.py)"
    assert f"warning: node1, node2, node3: {told}" in capsys.readouterr().err
    assert verbs.rollback(fleet, Options()) == 0
    assert released.live_release("node1") == released.release("node1", Color.blue)


def test_the_color_that_lost_the_traffic_waits_for_fewer_workers(released: World, fleet: Fleet) -> None:
    # blue is live
    assert verbs.release(fleet, Options(ref="v1")) == 0
    for node in released.nodes:
        assert timer(released, node, "blue").exists()
        assert not timer(released, node, "green").exists()
        soak = (released.root(node) / "blue/soak").read_text()
        assert soak == (released.root(node) / "guard/fence").read_text()


def test_a_color_with_traffic_or_a_later_run_is_never_shrunk(released: World, settings: Settings, fleet: Fleet) -> None:
    assert verbs.release(fleet, Options(ref="v1")) == 0
    node = released.nodes[0]
    root = released.root(node)
    shrunk = [root / color / "shrunk" for color in Color]
    # green is live, whatever a file says
    (root / "green/soak").write_text((root / "guard/fence").read_text())
    assert shrink(released, settings, node, "green") == 0
    # no run started the timer
    soak = (root / "blue/soak").read_text()
    (root / "blue/soak").unlink()
    assert shrink(released, settings, node, "blue") == 0
    # a later run was here
    (root / "blue/soak").write_text(soak)
    (root / "guard/fence").write_text(f"{int(soak) + 1}\n")
    assert shrink(released, settings, node, "blue") == 0
    assert not any(file.exists() for file in shrunk)
    (root / "guard/fence").write_text(soak)
    assert shrink(released, settings, node, "blue") == 0
    assert [file.exists() for file in shrunk] == [True, False]
    assert not (root / "blue/soak").exists()


def test_a_start_disarms_and_grows(released: World, settings: Settings, fleet: Fleet) -> None:
    assert verbs.release(fleet, Options(ref="v1")) == 0
    for node in released.nodes:
        assert shrink(released, settings, node, "blue") == 0
    assert verbs.release(released.fleet(settings), Options(ref="v2")) == 0
    for node in released.nodes:
        assert not (released.root(node) / "blue/shrunk").exists()
        assert not timer(released, node, "blue").exists()
        assert timer(released, node, "green").exists()


@pytest.mark.slow
def test_a_rollback_starts_a_shrunk_color_first(
    released: World, settings: Settings, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verbs.release(fleet, Options(ref="v1")) == 0
    assert not rollback(survey(released.fleet(settings)), settings).cold
    # one node with fewer workers is enough
    assert shrink(released, settings, released.nodes[1], "blue") == 0
    seen = survey(released.fleet(settings))
    assert rollback(seen, settings).cold
    assert {name: _runs(state, Color.blue) for name, state in seen.node_states.items()} == {
        name: "shrunk" if name == released.nodes[1] else "warm" for name in released.nodes
    }
    old = released.release("node1", Color.blue)
    capsys.readouterr()
    assert verbs.rollback(released.fleet(settings), Options()) == 0
    said = capsys.readouterr().err
    stages = [line.split()[0] for line in said.splitlines() if line.startswith("    ")]
    assert [stage for stage in stages if stage in ("start", "warm", "gate", "cutover")] == [
        *("start", "warm", "gate", "cutover")
    ]
    for node in released.nodes:
        assert released.live_release(node) == old
        assert not (released.root(node) / "blue/shrunk").exists()
        assert timer(released, node, "green").exists()


def test_without_the_setting_there_is_no_timer(released: World) -> None:
    assert verbs.release(released.fleet(), Options(ref="v1")) == 0
    assert not timer(released, "node1", "blue").exists()
    assert not (released.root("node1") / "blue/soak").exists()


@pytest.mark.slow
def test_an_undo_leaves_the_restarted_color_cold(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The undo of a start restarts the color's former release and does not warm it."""
    released.break_("haproxy", "set")
    assert verbs.release(released.fleet(), Options(ref="v1")) == 1
    released.mend("haproxy")
    states = survey(released.fleet()).node_states
    assert {state.cold for state in states.values()} == {frozenset({Color.green})}
    capsys.readouterr()
    assert verbs.rollback(released.fleet(), Options()) == 0
    said = capsys.readouterr().err
    assert re.search(r"(?s)\bwarm\b.*\bgate\b.*\bcutover\b", said), said
    assert not survey(released.fleet()).node_states["node1"].cold


def test_a_restarted_color_is_warmed_before_it_gets_traffic(
    released: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verbs.release(released.fleet(), Options(ref="v1")) == 0
    assert not survey(released.fleet()).node_states["node2"].cold
    # a reboot starts the color again: the fake systemctl takes its id from the time of its file
    unit = released.path / "node2/systemd/shop-blue.target"
    os.utime(unit, (1, 1))
    states = survey(released.fleet()).node_states
    assert [states[node].cold for node in ("node1", "node2")] == [frozenset(), frozenset({Color.blue})]
    assert _runs(states["node2"], Color.blue) == "cold"
    capsys.readouterr()
    assert verbs.rollback(released.fleet(), Options()) == 0
    said = capsys.readouterr().err
    assert re.search(r"(?s)\bwarm\b.*\bcutover\b", said), said
    assert unit.stat().st_mtime == 1, "the color was not restarted again"
    assert not survey(released.fleet()).node_states["node2"].cold

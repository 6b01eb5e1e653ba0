"""A release whose service does not run fails to start. A former release may be older than the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World


@pytest.fixture
def settings(released: World) -> Settings:
    """Settings with a service that runs on all nodes in green, which is idle."""
    for node in released.nodes:
        unit(released, node).touch()
        said = released.path / node / "usr/local/lib/orchestrator/shop/said"
        said.write_text('#!/bin/sh\necho "$1 says: no database"\n')
        said.chmod(0o755)
    return load(released.settings | {"services": [{"name": "ws", "command": "bin/ws", "path": "/ws"}]})


def unit(world: World, node: str) -> Path:
    return world.path / node / "systemd/shop-green-ws.service"


@pytest.mark.exhaustive
def test_a_release_whose_services_run(released: World, settings: Settings) -> None:
    assert verbs.release(released.fleet(settings), Options(ref="v1")) == 0
    assert released.live("node1") == Color.green


@pytest.mark.exhaustive
def test_a_service_that_does_not_start_fails_only_the_release(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = released.snapshot()
    unit(released, "node2").unlink()
    assert verbs.release(released.fleet(settings), Options(ref="v1")) == 1
    line = "start failed on node2: shop-green-ws.service does not start: shop-green-ws.service says: no database"
    assert line in capsys.readouterr().err
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_a_rollback_needs_the_services_of_its_release(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    without = load(released.settings)
    kept = []
    for used in (settings, without, without):
        assert verbs.release(released.fleet(used), Options(ref="v1")) == 0
        kept.append(released.live_release("node1"))
    before = released.snapshot()
    assert verbs.rollback(released.fleet(without), Options(to=kept[0])) == 1
    assert "start failed on node1, node2, node3: shop-blue-ws.service does not start" in capsys.readouterr().err
    assert released.snapshot() == before

    for node in released.nodes:
        (released.path / node / "systemd/shop-blue-ws.service").touch()
        unit(released, node).unlink()
    assert verbs.rollback(released.fleet(without), Options(to=kept[0])) == 0
    assert verbs.rollback(released.fleet(settings), Options(to=kept[1])) == 0
    assert released.live_release("node1") == kept[1]

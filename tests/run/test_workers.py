"""The workers of the new release start when it has the traffic; those of the old release end after the commit."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.faults import failing_at

QUEUE: dict[str, Any] = {"name": "queue", "command": "bin/queue", "count": 2, "survive": 0}
EARLY: dict[str, Any] = {"name": "early", "command": "bin/early", "start": "before", "survive": 0}
GREEN = {"blue": [], "green": ["early@1", "queue@1", "queue@2"]}
BLUE = {"blue": GREEN["green"], "green": []}


@pytest.fixture
def settings(released: World) -> Settings:
    """Settings with two workers; blue is live, with a release that has no workers."""
    made = load(released.settings | {"workers": [QUEUE, EARLY]})
    released.install_workers(made)
    return made


def all_have(world: World, workers: dict[str, list[str]]) -> None:
    assert [world.workers(node) for node in world.nodes] == [workers] * len(world.nodes)


@pytest.mark.exhaustive
def test_only_the_live_release_has_workers(released: World, settings: Settings) -> None:
    world = released
    assert verbs.release(world.fleet(settings), Options(ref="v1")) == 0
    all_have(world, GREEN)
    assert verbs.release(world.fleet(settings), Options(ref="v2")) == 0
    all_have(world, BLUE)
    assert verbs.rollback(world.fleet(settings), Options()) == 0
    all_have(world, GREEN)
    for node in world.nodes:
        assert (world.root(node) / "guard/workers").read_text() == "green\n"


@pytest.mark.exhaustive
def test_a_rollback_moves_the_workers_of_the_nodes_it_reaches(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    for ref in ("v1", "v2"):
        assert verbs.release(world.fleet(settings), Options(ref=ref)) == 0
    world.down.add("node2")
    (world.path / "node2/unreachable").touch()
    assert verbs.rollback(world.fleet(settings), Options()) == 0
    said = capsys.readouterr().err
    assert "warning: node2: cannot be reached; the next release or rollback does the work of this stage" in said
    assert [world.workers(node) for node in world.nodes] == [GREEN, BLUE, GREEN]
    assert [world.weight(balancer) for balancer in world.balancers] == [100, 100]


@pytest.mark.exhaustive
def test_a_rollback_needs_no_provisioning_of_new_workers(released: World) -> None:
    made = load(released.settings | {"workers": [QUEUE]})
    assert verbs.rollback(released.fleet(made, provisioned=False), Options()) == 0
    assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]


@pytest.mark.exhaustive
def test_a_worker_that_ends_early_fails_the_release(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    assert verbs.release(world.fleet(settings), Options(ref="v1")) == 0
    before = world.snapshot()
    world.break_("node2", "crash")
    (world.path / "node2/broken/crash").write_text("3\n")
    assert verbs.release(world.fleet(settings), Options(ref="v2")) == 1
    said = capsys.readouterr().err
    line = "start workers 0% failed on node2: the worker early ended in its first seconds: "
    assert f"{line}shop-blue-early@1.service says: no queue" in said
    assert world.snapshot() == before
    all_have(world, GREEN)


@pytest.mark.exhaustive
def test_a_failed_release_leaves_the_old_workers(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = released
    assert verbs.release(world.fleet(settings), Options(ref="v1")) == 0
    failing_at(monkeypatch, "verify", lambda: None)
    assert verbs.release(world.fleet(settings), Options(ref="v2")) == 1
    all_have(world, GREEN)


@pytest.mark.exhaustive
def test_workers_end_with_the_setting(released: World, settings: Settings) -> None:
    world = released
    assert verbs.release(world.fleet(settings), Options(ref="v1")) == 0
    assert verbs.release(world.fleet(load(world.settings)), Options(ref="v2")) == 0
    all_have(world, {"blue": [], "green": []})


@pytest.mark.exhaustive
def test_status_shows_the_workers(released: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    world = released
    assert verbs.release(world.fleet(settings), Options(ref="v1")) == 0
    (world.path / "node1/systemd/shop-green-queue@2.service").unlink()
    (world.path / "node3/systemd/shop-blue-queue@1.service").write_text("0\n")
    capsys.readouterr()
    assert verbs.VERBS["status"](world.fleet(settings), Options()) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    shown = [rest for word, rest in (line for line in lines if len(line) > 1) if word in ("workers", "RETIRED")]
    green, blue = (world.release("node1", color) for color in ("green", "blue"))  # type: ignore[arg-type]
    assert shown == [
        f"node1 green {green}: early 1/1, queue 1/2",
        f"node2 green {green}: early 1/1, queue 2/2",
        f"node3 green {green}: early 1/1, queue 2/2",
        f"node3 queue 1 of blue ({blue}) runs, but blue has no traffic",
    ]

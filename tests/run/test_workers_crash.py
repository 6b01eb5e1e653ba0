"""The operator's process dies at any point of a run that hands workers over: the next command ends the hand-over."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.conftest import followed
from tests.run.test_crash import Death, Killed, is_consistent
from tests.run.test_workers import EARLY, QUEUE

POINTS = {"release": 130, "rollback": 66}


def with_workers(world: World) -> dict[str, Any]:
    """Release twice with workers, so that a rollback hands workers over. Returns the settings."""
    settings = world.settings | {"workers": [QUEUE, EARLY]}
    world.install_workers(load(settings))
    for ref in ("v1", "v2"):
        assert run(world, settings, "release", ref) == 0
    return settings


def run(world: World, settings: dict[str, Any], verb: str, ref: str = "v1") -> int:
    options = Options(ref=ref) if verb == "release" else Options()
    return verbs.VERBS[verb](world.fleet(load(settings)), options)


@pytest.mark.slow
@pytest.mark.parametrize("verb", POINTS)
def test_the_points_are_counted(released: World, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    settings = with_workers(released)
    death = Death(monkeypatch)
    assert run(released, settings, verb) == 0
    assert len(death.points) == POINTS[verb], death.points


@pytest.mark.parametrize(("verb", "at", "then"), followed(POINTS))
def test_workers_after_a_death(released: World, monkeypatch: pytest.MonkeyPatch, verb: str, at: int, then: str) -> None:
    world, settings = released, with_workers(released)
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            run(world, settings, verb)
        for node in world.nodes:
            # the queue goes on: one release has all its workers
            assert max(len(names) for names in world.workers(node).values()) == 3, death.points[-1]
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert run(world, settings, then) == 0, death.points[-1]
    is_consistent(world)
    for node in world.nodes:
        live = Color(world.live(node))
        assert world.workers(node) == {live.value: ["early@1", "queue@1", "queue@2"], live.other.value: []}
        assert (world.root(node) / "guard/workers").read_text() == f"{live}\n"

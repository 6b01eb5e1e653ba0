"""The operator's process dies at any point of a run that hands workers over: the next command ends the hand-over."""

from __future__ import annotations

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.conftest import Kept, followed, release_twice
from tests.run.test_crash import Death, Killed, is_consistent
from tests.run.test_workers import EARLY, QUEUE

POINTS = {"release": 130, "rollback": 66}


def settings_of(world: World) -> Settings:
    return load(world.settings | {"workers": [QUEUE, EARLY]})


def release_workers(world: World) -> None:
    """Release twice with workers, so that a rollback hands workers over."""
    world.install_workers(settings_of(world))
    release_twice(world, settings_of(world))


@pytest.fixture(scope="module")
def _with_workers(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("workers"), release_workers)


@pytest.fixture
def released(_with_workers: Kept, monkeypatch: pytest.MonkeyPatch) -> World:
    """v1 was released (green), then v2 (blue, live), both with workers."""
    return _with_workers.again(monkeypatch)


def run(world: World, verb: str) -> int:
    options = Options(ref="v1") if verb == "release" else Options()
    return verbs.VERBS[verb](world.fleet(settings_of(world)), options)


@pytest.mark.slow
@pytest.mark.parametrize("verb", POINTS)
def test_the_points_are_counted(released: World, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    death = Death(monkeypatch)
    assert run(released, verb) == 0
    assert len(death.points) == POINTS[verb], death.points


@pytest.mark.exhaustive
@pytest.mark.parametrize(("verb", "at", "then"), followed(POINTS))
def test_workers_after_a_death(released: World, monkeypatch: pytest.MonkeyPatch, verb: str, at: int, then: str) -> None:
    world = released
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            run(world, verb)
        for node in world.nodes:
            # the queue goes on: one release has all its workers
            assert max(len(names) for names in world.workers(node).values()) == 3, death.points[-1]
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert run(world, then) == 0, death.points[-1]
    is_consistent(world)
    for node in world.nodes:
        live = Color(world.live(node))
        assert world.workers(node) == {live.value: ["early@1", "queue@1", "queue@2"], live.other.value: []}
        assert (world.root(node) / "guard/workers").read_text() == f"{live}\n"

"""Fixtures for runs on ``@fake`` hosts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings
from orchestrator.options import Options
from tests.engines.servers import Server
from tests.fakes.world import World, connect
from tests.run.shop import Shop

TESTED = 60


def ring(number: int, unit: int) -> list[pytest.MarkDecorator]:
    """Marks of case ``number`` of many alike: `make unit` runs each ``unit``-th case, `make test` each sixtieth."""
    if number % unit == 0:
        return []
    return [pytest.mark.exhaustive if number % TESTED == 0 else pytest.mark.slow]


def followed(points: Mapping[str, int]) -> list[Any]:
    """Every point of some verbs, each with one of the commands that may follow, in turn.

    + points: verb -> number of its points
    """
    follow = ("release", "abort", "resume", "rollback")
    return [
        pytest.param(verb, at, follow[at % len(follow)], marks=ring(at, 120))
        for verb, count in points.items()
        for at in range(1, count + 1)
    ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three provisioned nodes behind HAProxy and nginx, no release yet."""
    return connected(World(tmp_path / "world"), monkeypatch)


class Kept:
    """A world, and a copy of its files to go back to: releases take longer than a copy.

    + path: an empty directory
    + prepare: brings the world into the state to go back to
    """

    def __init__(self, path: Path, prepare: Callable[[World], None]) -> None:
        self._copy = path / "kept"
        with pytest.MonkeyPatch.context() as monkeypatch:
            self._world = connected(World(path / "world"), monkeypatch)
            prepare(self._world)
        shutil.copytree(self._world.path, self._copy, symlinks=True)

    def again(self, monkeypatch: pytest.MonkeyPatch) -> World:
        """The world as it was prepared, whatever an earlier test did with it."""
        world = self._world
        shutil.rmtree(world.path)
        shutil.copytree(self._copy, world.path, symlinks=True)
        world.down.clear()
        world.commands.clear()
        # monkeypatch leaves an attribute of the object behind, which would hide a later change of the class
        vars(world).pop("answer", None)
        return connected(world, monkeypatch)


def release_twice(world: World, settings: Settings | None = None) -> None:
    """Release v1 (green), then v2 (blue, live)."""
    for ref in ("v1", "v2"):
        assert verbs.release(world.fleet(settings), Options(ref=ref)) == 0


@pytest.fixture(scope="session")
def _twice(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("twice"), release_twice)


@pytest.fixture
def released(_twice: Kept, monkeypatch: pytest.MonkeyPatch) -> World:
    """v1 was released (green), then v2 (blue, live): there is a release to go back to."""
    return _twice.again(monkeypatch)


def connected(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make pyinfra's fake connector run commands in a world."""
    connect(made, monkeypatch.setattr)
    return made


@pytest.fixture
def shop(released: World, server: Server) -> Iterator[Shop]:
    name = server.new_database()
    with server.connect(name) as session:
        session.execute("CREATE TABLE orders (id bigint PRIMARY KEY, sum int NOT NULL, CHECK (sum > 10))")
        session.execute("INSERT INTO orders (id, sum) VALUES (1, 20)")
        yield Shop(released, server, name, session)

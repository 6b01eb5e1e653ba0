"""Fixtures for runs on ``@fake`` hosts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
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


@pytest.fixture(scope="session")
def _twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """A world after two releases, and a copy of it to go back to: two releases take longer than a copy."""
    path = tmp_path_factory.mktemp("twice")
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = connected(World(path / "world"), monkeypatch)
        for ref in ("v1", "v2"):
            assert verbs.release(made.fleet(), Options(ref=ref)) == 0
    shutil.copytree(path / "world", path / "kept", symlinks=True)
    return made, path / "kept"


@pytest.fixture
def released(_twice: tuple[World, Path], monkeypatch: pytest.MonkeyPatch) -> World:
    """v1 was released (green), then v2 (blue, live): there is a release to go back to."""
    made, kept = _twice
    shutil.rmtree(made.path)
    shutil.copytree(kept, made.path, symlinks=True)
    made.down.clear()
    # monkeypatch leaves an attribute of the object behind, which would hide a later change of the class
    vars(made).pop("answer", None)
    return connected(made, monkeypatch)


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

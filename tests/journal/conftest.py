"""Fixtures: the places that can hold a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.journal.places import ChannelPlace, HostPlace, Place, S3Place


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Place]:
    with mock_aws():
        yield S3Place(monkeypatch)


@pytest.fixture
def directory(tmp_path: Path) -> HostPlace:
    return HostPlace(tmp_path / "journal")


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[ChannelPlace]:
    made = ChannelPlace(tmp_path / "channel")
    yield made
    made.close()


@pytest.fixture(params=["directory", "bucket", "channel"])
def place(request: pytest.FixtureRequest) -> Place:
    """Every kind of place, one after another."""
    made: Place = request.getfixturevalue(request.param)
    return made

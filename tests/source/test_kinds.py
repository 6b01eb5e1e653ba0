"""Kinds of source: which class answers, and which operation with which arguments a node's fetch is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.errors import OrchestratorError
from orchestrator.model import Color
from orchestrator.operations.extract import extract
from orchestrator.operations.fetch import fetch
from orchestrator.operations.receive import receive
from orchestrator.options import Options
from orchestrator.source.archive import ArchiveFile
from orchestrator.source.checkout import Checkout
from orchestrator.source.directory import Directory
from orchestrator.source.git import Git
from orchestrator.source.kind import SourceKind
from orchestrator.source.kinds import kind_of
from orchestrator.source.tarball import Download, curl_config

from ..config.test_settings import raw

RELEASE = "20260101T120000Z-5d0f0c1"
ALWAYS = {"root": "/srv/shop", "release": RELEASE}
SSH = "/usr/local/lib/orchestrator/shop/ssh"


def kind(source: dict[str, Any], **more: Any) -> SourceKind:
    return kind_of(load(raw(source=source, **more)))


@pytest.mark.parametrize(
    ("source", "expected", "pushes", "takes_sha256"),
    [
        ({"origin": "git@example.com:shop.git"}, Git, False, False),
        ({"kind": "archive", "url": "https://files.test/shop.tar"}, Download, False, True),
        ({"kind": "artifact", "url": "s3://builds/shop.tar"}, Download, False, True),
        ({"kind": "archive", "file": "shop.tar"}, ArchiveFile, True, True),
        ({"kind": "artifact", "checkout": "."}, Checkout, True, False),
        ({"kind": "directory", "path": "."}, Directory, True, False),
    ],
)
def test_each_kind_has_a_class(
    source: dict[str, Any], expected: type[SourceKind], pushes: bool, takes_sha256: bool
) -> None:
    made = kind(source)
    assert type(made) is expected
    assert made.pushes is pushes
    assert made.takes_sha256 is takes_sha256


@pytest.mark.parametrize(
    ("source", "operation", "arguments"),
    [
        (
            {"origin": "git@example.com:shop.git", "leave_out": ["docs"]},
            fetch,
            {
                "revision": "abc",
                "origin": "git@example.com:shop.git",
                "login": False,
                "ssh": SSH,
                "leave_out": ["docs", "storage"],
                "submodules": False,
                "lfs": False,
            },
        ),
        (
            {"origin": "https://me:hush@example.com/shop.git", "submodules": True, "lfs": True},
            fetch,
            {
                "revision": "abc",
                "origin": "https://example.com/shop.git",
                "login": True,
                "ssh": SSH,
                "leave_out": ["storage"],
                "submodules": True,
                "lfs": True,
            },
        ),
        (
            {"kind": "archive", "url": "https://me:hush@files.test/shop.tar", "strip": 1},
            extract,
            {"sha256": "abc", "strip": 1, "pushed": False},
        ),
        ({"kind": "artifact", "url": "s3://b/shop.tar"}, extract, {"sha256": "abc", "strip": 0, "pushed": False}),
        ({"kind": "archive", "file": "shop.tar", "strip": 2}, extract, {"sha256": "abc", "strip": 2, "pushed": True}),
        ({"kind": "artifact", "checkout": "."}, receive, {"expected": ""}),
        ({"kind": "directory", "path": "."}, receive, {"expected": ""}),
    ],
)
def test_the_operation_of_a_fetch(source: dict[str, Any], operation: Any, arguments: dict[str, Any]) -> None:
    made = kind(source, shared={"directories": ["storage"]})
    assert made.fetch(RELEASE, "abc") == (operation, ALWAYS | arguments)


def test_a_change_since_another_process_planned_is_refused(tmp_path: Path) -> None:
    """A run that is resumed has no copy of the files any more."""
    work, archive = tmp_path / "work", tmp_path / "shop.tar"
    work.mkdir()
    for source, changed in (
        ({"kind": "directory", "path": str(work)}, work / "file"),
        ({"kind": "archive", "file": str(archive)}, archive),
    ):
        made = kind(source)
        changed.write_text("planned")
        version = made.version(unplanned(), Options())
        again = made.supply(unplanned(), version, RELEASE, Color.blue).bundle
        assert again is not None
        again.remove()
        changed.write_text("late")
        with pytest.raises(OrchestratorError, match=f"^{source.get('path', archive)} has changed since the plan was"):
            made.supply(unplanned(), version, RELEASE, Color.blue)


def unplanned() -> Any:
    """All that these kinds need of a fleet in a new process."""
    return SimpleNamespace(copies={})


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://a.test/x?y=z", 'url = "https://a.test/x?y=z"\n'),
        ('https://a.test/"x"', 'url = "https://a.test/\\"x\\""\n'),
        ("https://a.test/\\x", 'url = "https://a.test/\\\\x"\n'),
    ],
)
def test_a_url_in_curls_configuration(url: str, line: str) -> None:
    assert curl_config(url) == line

"""The Debian releases of a docker fleet's servers."""

from __future__ import annotations

from pathlib import Path

import fleet as tool
import fleet_images
import pytest
from fleet_tools import Trouble

MIXED = ("bookworm", "trixie", "bullseye")


@pytest.fixture(autouse=True)
def _no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are never built: the name of an image is the name of its suite."""
    monkeypatch.setattr(fleet_images, "node_image", lambda suite=fleet_images.SUITE: suite)
    monkeypatch.setattr(fleet_images, "packages_image", lambda: "packages")


def test_nodes_and_balancers_get_the_suites_in_turn() -> None:
    assert tool._images(3, (), MIXED) == {
        "node1": "bookworm",
        "node2": "trixie",
        "node3": "bullseye",
        "haproxy": "bookworm",
        "nginx": "trixie",
    }
    assert set(tool._images(2, (), tool.DEFAULT_SUITES).values()) == {"bookworm"}


def test_applications_with_frameworks_have_nodes_with_packages() -> None:
    images = tool._images(1, ("laravel",), tool.DEFAULT_SUITES)
    assert images == {"node1": "packages", "haproxy": "bookworm", "nginx": "bookworm"}


@pytest.mark.parametrize(
    ("suites", "apps", "said"),
    [
        (("buster",), (), "there is no suite buster: choose from bullseye, bookworm, trixie"),
        (MIXED, ("laravel",), "the applications of --apps run only on bookworm"),
    ],
)
def test_suites_that_cannot_be_had_are_refused(
    tmp_path: Path, suites: tuple[str, ...], apps: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Trouble, match=said):
        tool.prepare(tmp_path, 1, "orchestrator-suites", suites=suites, apps=apps)


def test_each_suite_has_an_image_of_its_own() -> None:
    for suite in fleet_images.SUITES:
        assert fleet_images._name("node", suite, suite).startswith(f"orchestrator-fleet-node:{suite}-")
    # a change of the base image changes the name
    assert fleet_images._name("node", "a") != fleet_images._name("node", "b")


def test_the_apt_sources_of_this_machine_are_those_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "deb http://deb.example/debian bookworm main\ndeb http://deb.example/security bookworm-security main\n"
    monkeypatch.setattr(fleet_images, "_codename", lambda: "bookworm")
    monkeypatch.setattr(fleet_images, "_parse_list", lambda text, parse=fleet_images._parse_list: parse(source))
    monkeypatch.setattr(fleet_images, "_parse_deb822", lambda text: iter(()))
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([Path(__file__)] if pattern == "*.list" else []))
    assert {s.suites for s in fleet_images._sources("trixie")} == {("trixie",), ("trixie-security",)}

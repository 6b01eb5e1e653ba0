"""Kinds of switches that a package adds by an entry point (docs/switches.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import UsageError
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.run import data_plane
from tests.fakes.world import World
from tests.run.conftest import connected

PACKAGE = '''
from pathlib import Path
from typing import Literal

from orchestrator.config.switch import BalancerSwitch, Switch
from orchestrator.model import Color, Weights
from orchestrator.switches.base import Api, NotDone, Seen
from orchestrator.switches.nginx import Nginx


class ProxySection(BalancerSwitch):
    """A balancer on a host."""

    kind: Literal["proxy"]


class Proxy(Nginx):
    section = ProxySection


class CloudSection(Switch):
    """A switch behind an API."""

    kind: Literal["cloud"]
    file: str


class Cloud(Api):
    section = CloudSection

    def see(self):
        weights = Weights(int(Path(self.switch.file).read_text()))
        return Seen(weights, weights, None)

    def arm(self, weights, back=False):
        if Path(self.switch.file + ".locked").exists():
            raise NotDone("the cloud is locked: ask for it")
        return "would take it"

    def shift(self, weights, back=False):
        Path(self.switch.file).write_text(str(weights.green))
        return f"green has {weights.green}%"

    def detach(self, color):
        raise NotDone("never asked")

    def attach(self):
        raise NotDone("never asked")

    def bar(self, addresses, out):
        return ""
'''

ENTRY_POINTS = """[orchestrator.switches]
proxy = a_package_of_switches:Proxy
cloud = a_package_of_switches:Cloud
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with two kinds."""
    site = tmp_path / "site"
    info = site / "a_package_of_switches-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "a_package_of_switches.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-package-of-switches\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("a_package_of_switches", None)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: None) -> World:
    """Two nodes and a host for the balancer; the cloud's weight is a file."""
    made = connected(World(tmp_path / "world", nodes=2, balancers=("nginx",)), monkeypatch)
    (tmp_path / "cloud").write_text("0")

    def ask(url: str, token: str, *more: object) -> data_plane.Answer:
        if "cloud" not in url:
            return made.ask(url, token)
        color = Color.green if (tmp_path / "cloud").read_text() == "100" else Color.blue
        return data_plane.Answer(made.release("node1", color), None)

    monkeypatch.setattr(data_plane, "ask", ask)
    return made


def fleet(world: World, tmp_path: Path, **more: Any) -> Fleet:
    switches = [
        {"kind": "proxy", "group": "nginx", "urls": ["http://nginx.test/"]},
        {"kind": "cloud", "file": str(tmp_path / "cloud"), "urls": ["http://cloud.test/"], **more},
    ]
    return world.fleet(load({**world.settings, "switches": switches}))


def weights(world: World, tmp_path: Path) -> list[int]:
    return [world.weight("nginx"), int((tmp_path / "cloud").read_text())]


@pytest.mark.exhaustive
def test_a_release_moves_kinds_that_a_package_added(world: World, tmp_path: Path) -> None:
    assert verbs.release(fleet(world, tmp_path), Options(ref="v1")) == 0
    assert weights(world, tmp_path) == [100, 100]
    assert verbs.release(fleet(world, tmp_path), Options(ref="v2")) == 0
    assert weights(world, tmp_path) == [0, 0]
    assert verbs.rollback(fleet(world, tmp_path), Options()) == 0
    assert weights(world, tmp_path) == [100, 100]


@pytest.mark.exhaustive
def test_one_kind_that_would_refuse_keeps_all_weights(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cloud.locked").touch()
    assert verbs.release(fleet(world, tmp_path), Options(ref="v1")) == 1
    assert "arm failed on cloud: the cloud is locked: ask for it" in capsys.readouterr().err
    assert weights(world, tmp_path) == [0, 0]


@pytest.mark.exhaustive
def test_settings_of_an_added_kind_are_checked(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown key switches\.1\.fyle"):
        fleet(world, tmp_path, fyle="x")


def test_without_the_package_there_is_no_such_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no kind 'cloud' of switch"):
        load({**World(tmp_path / "w", nodes=1, balancers=()).settings, "switches": [{"kind": "cloud", "urls": ["u"]}]})

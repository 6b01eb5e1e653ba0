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
from orchestrator.provision.walk import require
from orchestrator.run import data_plane
from tests.fakes.world import World
from tests.run.conftest import connected
from tests.run.faults import before, failing_at
from tests.run.test_drain import BUSY

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
    keeps: float = 0


class Cloud(Api):
    section = CloudSection

    def see(self):
        weights = Weights(int(Path(self.switch.file).read_text()))
        detached = self.switch.file + ".detached"
        gone = {Color(Path(detached).read_text())} if Path(detached).exists() else set()
        return Seen(weights, weights, None, attached=frozenset(set(Color) - gone), sticky=self.switch.keeps)

    def arm(self, weights, back=False):
        if Path(self.switch.file + ".locked").exists():
            raise NotDone("the cloud is locked: ask for it")
        return "would take it"

    def shift(self, weights, back=False):
        if Path(self.switch.file + ".locked").exists():
            raise NotDone("the cloud is locked: ask for it")
        Path(self.switch.file).write_text(str(weights.green))
        return f"green has {weights.green}%"

    def detach(self, color):
        Path(self.switch.file + ".detached").write_text(color)
        return "detached"

    def attach(self):
        Path(self.switch.file + ".detached").unlink()
        return "attached"

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
def test_a_switch_that_does_not_go_back_stops_the_undo(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as here:
        failing_at(here, "verify", (tmp_path / "cloud.locked").touch)
        assert verbs.release(fleet(world, tmp_path), Options(ref="v1")) == 4
    said = capsys.readouterr().err
    assert "NOT UNDONE on cloud: the cloud is locked: ask for it" in said
    assert "NOT UNDONE on cloud: sends 100% of the traffic to green" in said
    assert world.release("node1", Color.green) is not None
    (tmp_path / "cloud.locked").unlink()
    assert verbs.abort(fleet(world, tmp_path), Options()) == 0
    assert weights(world, tmp_path) == [0, 0]
    assert world.release("node1", Color.green) is None


def detached(tmp_path: Path) -> str:
    file = tmp_path / "cloud.detached"
    return file.read_text() if file.exists() else ""


@pytest.mark.exhaustive
def test_old_clients_keep_a_detached_color_detached(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v1")) == 0
    assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v2")) == 0
    assert detached(tmp_path) == ""
    assert weights(world, tmp_path) == [0, 0]

    # an address of the cloud sends old clients to blue, though blue is detached
    connections = world.path / "node2/connections"

    with monkeypatch.context() as here:
        before(here, "detach", lambda: connections.write_text(BUSY))
        assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v1")) == 0
    assert detached(tmp_path) == "blue"
    assert "the nodes of blue still had 1 requests after 0.5 s, and" in (capsys.readouterr().err)
    # the next release does not restart blue while they come
    assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v2")) == 1
    assert detached(tmp_path) == "blue"
    connections.unlink()
    assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v2")) == 0
    assert detached(tmp_path) == ""


@pytest.mark.exhaustive
def test_an_undo_detaches_the_new_color(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v1")) == 0
    with monkeypatch.context() as here:
        failing_at(here, "verify", lambda: None)
        assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v2")) == 1
    assert detached(tmp_path) == "blue"
    assert verbs.release(fleet(world, tmp_path, keeps=0.1), Options(ref="v2")) == 0
    assert (detached(tmp_path), weights(world, tmp_path)) == ("", [0, 0])


@pytest.mark.exhaustive
def test_settings_of_an_added_kind_are_checked(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown key switches\.1\.fyle"):
        fleet(world, tmp_path, fyle="x")


def test_without_the_package_there_is_no_such_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no kind 'cloud' of switch"):
        load({**World(tmp_path / "w", nodes=1, balancers=()).settings, "switches": [{"kind": "cloud", "urls": ["u"]}]})


def test_provisioning_refuses_a_balancer_of_an_added_kind(world: World, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"nginx: provisioning cannot set up a balancer of the kind proxy, and knows only"
    ):
        require(fleet(world, tmp_path))

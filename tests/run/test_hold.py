"""A release that holds requests: the hold ends after the cutover, and at every end of the run."""

from __future__ import annotations

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.errors import UsageError
from orchestrator.options import Options
from orchestrator.switches.haproxy import HAProxy
from orchestrator.switches.nginx import Nginx
from tests.fakes.world import World
from tests.run.faults import failing_at

HOLD = Options(ref="v1", maintenance="hold")
MARKER = {"answers": "all", "token": "secret-token"}
SCRIPT = 'echo "$1" >>"$HOST_ROOT/held"; [ ! -e "$HOST_ROOT/early" ] || echo ended'


@pytest.fixture
def settings(released: World, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a hold, and balancers that only note for how many seconds they hold requests."""
    released.install_page()
    for kind in (HAProxy, Nginx):
        monkeypatch.setattr(kind, "hold", property(lambda self: SCRIPT))
    return load(released.settings | {"maintenance": {"hold": 8}})


def held(world: World) -> dict[str, list[str]]:
    """The holds that each balancer was told, in order: seconds, or 0 for the end."""
    return {name: (world.path / name / "held").read_text().split() for name in world.balancers}


def test_a_release_holds_requests_until_it_is_verified(released: World, settings: Settings) -> None:
    world = released
    assert verbs.release(world.fleet(settings), HOLD) == 0
    assert held(world) == {"haproxy": ["8", "0"], "nginx": ["8", "0"]}
    assert world.live("node1") == "green"


@pytest.mark.exhaustive
def test_an_undone_release_ends_the_hold(released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    world, before = released, released.snapshot()
    failing_at(monkeypatch, "verify", lambda: None)
    assert verbs.release(world.fleet(settings), HOLD) == 1
    assert held(world) == {"haproxy": ["8", "0"], "nginx": ["8", "0"]}
    assert world.snapshot() == before


@pytest.mark.exhaustive
def test_a_failure_after_the_hold_holds_again_to_move_back(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, before = released, released.snapshot()
    bake = load(settings.model_dump(mode="json") | {"cutover": [{"weight": 100, "bake": 1}], "marker": MARKER})
    failing_at(monkeypatch, "bake", lambda: None)
    assert verbs.release(world.fleet(bake), HOLD) == 1
    assert held(world) == {"haproxy": ["8", "0", "8", "0"], "nginx": ["8", "0", "8", "0"]}
    assert world.snapshot() == before


@pytest.mark.exhaustive
def test_a_hold_that_was_too_short_is_a_warning(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (released.path / "nginx/early").touch()
    assert verbs.release(released.fleet(settings), HOLD) == 0
    assert "the hold had ended by itself" in capsys.readouterr().err


def test_a_hold_needs_its_setting(released: World, settings: Settings) -> None:
    released.install_page()
    without = load(released.settings | {"maintenance": {}})
    with pytest.raises(UsageError, match=r"the setting maintenance\.hold is missing"):
        verbs.release(released.fleet(without), HOLD)
    with pytest.raises(UsageError, match="the settings have no maintenance"):
        verbs.release(released.fleet(), HOLD)
    with pytest.raises(UsageError, match="hold is missing: set hold"):
        load(released.settings | {"maintenance": {"releases": "hold"}})

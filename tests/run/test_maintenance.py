"""All balancers send the page of maintenance, or none: also after the death of the operator's process."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.errors import Refused, UsageError
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options, read
from tests.fakes.world import World
from tests.run.faults import before, failing_at
from tests.run.test_crash import Death, Killed, NamedDeath, is_consistent

ON, OFF = Options(page=True), Options(page=False)
CLOSED = Options(ref="v1", maintenance="page")


@pytest.fixture
def settings(released: World) -> Settings:
    """Settings with maintenance, for which the balancers are provisioned."""
    released.install_page()
    return load(released.settings | {"maintenance": {}})


def pages(world: World) -> dict[str, bool]:
    """The balancers, and whether each of them sends the page."""
    return {name: world.page(name) for name in world.balancers}


def status(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of `status` about maintenance."""
    capsys.readouterr()
    assert verbs.show_status(world.fleet(settings), Options()) == 0
    return [line.strip() for line in capsys.readouterr().out.splitlines() if "MAINTENANCE" in line]


@pytest.mark.exhaustive
def test_all_balancers_show_the_page_or_the_site(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    assert status(world, settings, capsys) == []
    for _ in range(2):
        assert verbs.maintenance(world.fleet(settings), ON) == 0
        assert pages(world) == {"haproxy": True, "nginx": True}
    ends = "deploys/maintenance.py --data page=off shows the site"
    assert status(world, settings, capsys) == [
        f"MAINTENANCE  {name} shows the page: {ends}" for name in ("haproxy", "nginx")
    ]
    for _ in range(2):
        assert verbs.maintenance(world.fleet(settings), OFF) == 0
        assert pages(world) == {"haproxy": False, "nginx": False}
    assert status(world, settings, capsys) == []


@pytest.mark.exhaustive
def test_a_release_keeps_the_page(released: World, settings: Settings) -> None:
    world = released
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    assert verbs.release(world.fleet(settings), Options(ref="v1")) == 0
    assert pages(world) == {"haproxy": True, "nginx": True}
    assert world.live("node1") == "green"


@pytest.mark.exhaustive
@pytest.mark.parametrize(("broken", "then"), [("set", "did not take the value on"), ("haproxy", "does not answer")])
def test_a_balancer_that_refuses_stays_as_it_was(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str], broken: str, then: str
) -> None:
    world = released
    world.break_("haproxy", broken)
    assert verbs.maintenance(world.fleet(settings), ON) == 1
    said = capsys.readouterr().err
    assert f"haproxy: HAProxy {then}" in said
    assert "then repeat the command" in said
    assert pages(world) == {"haproxy": False, "nginx": True}
    world.mend("haproxy")
    with pytest.raises(Refused, match="only nginx shows the page of maintenance"):
        verbs.release(world.fleet(settings), Options(ref="v1"))
    assert verbs.maintenance(world.fleet(settings), OFF) == 0
    assert pages(world) == {"haproxy": False, "nginx": False}


def test_status_names_a_balancer_that_would_forget_the_page(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    (world.path / "haproxy/page").write_text("on\n")
    (line,) = status(world, settings, capsys)
    assert line.startswith("MAINTENANCE  haproxy shows the page, would restart with the site: ")
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    assert pages(world) == {"haproxy": True, "nginx": True}


@pytest.mark.exhaustive
@pytest.mark.parametrize("again", [ON, OFF])
@pytest.mark.parametrize("at", range(1, 5))
def test_an_operator_that_died_is_followed_by_any_command(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, at: int, again: Options
) -> None:
    world = released
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            verbs.maintenance(world.fleet(settings), ON)
    assert {point.partition(" ")[2].partition(" on ")[0] for point in death.points} == {"page"}
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.maintenance(world.fleet(settings), again) == 0
    assert set(pages(world).values()) == {again.page}


@pytest.mark.exhaustive
def test_a_stopped_run_is_settled_before_the_page(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    before = world.snapshot()
    with monkeypatch.context() as dying:
        Death(dying, 40)
        with pytest.raises(Killed):
            verbs.release(world.fleet(settings), Options(ref="v1"))
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    assert "stopped before its end: settling that run first" in capsys.readouterr().err
    assert pages(world) == {"haproxy": True, "nginx": True}
    assert world.snapshot() == before


@pytest.mark.exhaustive
def test_a_paused_release_stays_paused(released: World, settings: Settings) -> None:
    world = released
    assert verbs.release(world.fleet(settings), Options(ref="v1", until="preview")) == 0
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    assert pages(world) == {"haproxy": True, "nginx": True}
    assert verbs.promote(world.fleet(settings), Options()) == 0
    assert world.live("node1") == "green"


@pytest.mark.exhaustive
def test_a_paused_release_keeps_the_page_that_it_needs(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    waits = Options(ref="v1", until="preview", maintenance="page")
    assert verbs.release(world.fleet(settings), waits) == 0
    with pytest.raises(Refused, match="moves the traffic behind the page that was shown when the release began"):
        verbs.maintenance(world.fleet(settings), OFF)
    assert pages(world) == {"haproxy": True, "nginx": True}
    assert verbs.promote(world.fleet(settings), Options()) == 0
    assert pages(world) == {"haproxy": True, "nginx": True}
    # a release that shows the page itself ends with the site
    assert verbs.maintenance(world.fleet(settings), OFF) == 0
    assert verbs.release(world.fleet(settings), waits) == 0
    capsys.readouterr()
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    assert "waits, and shows the site again when all traffic has moved" in capsys.readouterr().err
    assert verbs.promote(world.fleet(settings), Options()) == 0
    assert pages(world) == {"haproxy": False, "nginx": False}


def test_balancers_without_the_page_are_refused(released: World, settings: Settings) -> None:
    world = released
    world.fleet(load(world.settings))
    with pytest.raises(Refused, match=r"haproxy, nginx: maintenance has changed since the last provisioning"):
        verbs.maintenance(world.fleet(settings, provisioned=False), ON)
    assert verbs.maintenance(world.fleet(settings, provisioned=False), OFF) == 0
    with pytest.raises(UsageError, match="the settings have no maintenance"):
        verbs.maintenance(world.fleet(), ON)


@pytest.mark.parametrize(
    ("data", "message"),
    [({}, "maintenance needs --data page=on"), ({"page": "maybe"}, "the only allowed values are on and off")],
)
def test_the_command_says_what_it_needs(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read("maintenance", data)


def test_a_release_shows_the_page_while_traffic_moves(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = released
    seen: dict[str, Any] = {}
    for action in ("start", "drained", "shift", "verify"):
        before(monkeypatch, action, lambda action=action: seen.update({action: set(pages(world).values())}))  # type: ignore[misc]
    assert verbs.release(world.fleet(settings), CLOSED) == 0
    assert seen == {"start": {False}, "drained": {True}, "shift": {True}, "verify": {True}}
    assert pages(world) == {"haproxy": False, "nginx": False}
    assert world.live("node1") == "green"


@pytest.mark.parametrize(
    "action", ["ready", *(pytest.param(action, marks=pytest.mark.slow) for action in ("drained", "verify", "bake"))]
)
def test_a_failed_release_shows_the_site_with_the_old_release(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    world, former = released, released.snapshot()
    baking = load(world.settings | {"maintenance": {}, "cutover": [{"weight": 100, "bake": 0.01}]})
    failing_at(monkeypatch, action, lambda: None)
    assert verbs.release(world.fleet(baking), CLOSED) == 1
    assert pages(world) == {"haproxy": False, "nginx": False}
    assert world.snapshot() == former


@pytest.mark.exhaustive
def test_a_page_by_hand_stays_after_a_release(released: World, settings: Settings) -> None:
    world = released
    assert verbs.maintenance(world.fleet(settings), ON) == 0
    assert verbs.release(world.fleet(settings), CLOSED) == 0
    assert pages(world) == {"haproxy": True, "nginx": True}


@pytest.mark.exhaustive
def test_a_rollback_shows_the_page_only_if_it_is_told_to(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = released
    always = load(world.settings | {"maintenance": {"releases": "page"}})
    seen: list[bool] = []
    for options in (Options(), Options(maintenance="page")):
        with monkeypatch.context() as watching:
            before(watching, "verify", lambda: seen.append(world.page("nginx")))
            assert verbs.rollback(world.fleet(always), options) == 0
    assert seen == [False, True]
    assert pages(world) == {"haproxy": False, "nginx": False}


POINTS = [
    ("before page on haproxy", 1),
    ("after page on haproxy", 1),
    ("after the record of results close*", 1),
    ("before drained on node2", 1),
    ("after shift on haproxy", 1),
    ("after the record of *intent open", 1),
    ("after page on haproxy", 2),
    ("before page on nginx", 2),
    ("before the record of results open, commit", 1),
]
NEXT: dict[str, Callable[[World, Settings], int]] = {
    "abort": lambda world, settings: verbs.abort(world.fleet(settings), Options()),
    "release": lambda world, settings: verbs.release(world.fleet(settings), Options(ref="v1")),
    "resume": lambda world, settings: verbs.resume(world.fleet(settings), Options()),
    "maintenance": lambda world, settings: verbs.maintenance(world.fleet(settings), OFF),
}
DEATHS = [
    pytest.param(*point, then, marks=[] if number % 12 == 0 else pytest.mark.slow)
    for number, (point, then) in enumerate((point, then) for point in POINTS for then in NEXT)
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "number", "then"), DEATHS)
def test_a_release_killed_near_the_page_is_settled(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, number: int, then: str
) -> None:
    world = released
    with monkeypatch.context() as dying:
        death = NamedDeath(dying, name, number)
        with pytest.raises(Killed):
            verbs.release(world.fleet(settings), CLOSED)
    assert any(fnmatchcase(point, name) for point in death.points)
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert NEXT[then](world, settings) == 0
    assert pages(world) == {"haproxy": False, "nginx": False}
    is_consistent(world)
    went_on = then in ("release", "resume")
    assert world.weight("haproxy") == (100 if went_on else 0)
    assert world.release("node1", Color.green) is not None

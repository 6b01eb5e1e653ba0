"""An undo stops before it restarts a color to which a switch may still send requests. The next command goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import NotUndone
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.faults import before, failing_at

pytestmark = pytest.mark.exhaustive

STARTS = 'systemctl restart "$target"'


def fleet(world: World, **changes: Any) -> Fleet:
    """The fleet of a new process. The journal is at a node, because the balancers fail."""
    return world.fleet(load(world.settings | {"journal": {"host": "node1"}} | changes))


def restarted(world: World) -> list[str]:
    """The nodes on which a color was restarted since ``world.commands`` was cleared."""
    return [name for name, command in world.commands if STARTS in command]


def broken_after_the_cutover(world: World, monkeypatch: pytest.MonkeyPatch, break_: Callable[[], object]) -> str:
    """Release v1 into green; ``break_`` happens after the cutover, and the run fails. Returns the new release."""

    def now() -> None:
        break_()
        world.commands.clear()

    with monkeypatch.context() as here:
        failing_at(here, "verify", now)
        assert verbs.release(fleet(world), Options(ref="v1")) == 4
    assert restarted(world) == []
    new = {world.release(node, Color.green) for node in world.nodes}
    assert len(new) == 1
    return str(new.pop())


def gone(world: World, balancer: str) -> Callable[[], object]:
    return lambda: world.down.add(balancer)


@pytest.mark.parametrize(
    ("verb", "balancer"),
    [
        ("release", "haproxy"),
        ("abort", "nginx"),
        pytest.param("resume", "haproxy", marks=pytest.mark.slow),
        pytest.param("rollback", "nginx", marks=pytest.mark.slow),
    ],
)
def test_a_balancer_that_cannot_be_reached_stops_the_undo(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], balancer: str, verb: str
) -> None:
    world, former = released, released.snapshot()
    new = broken_after_the_cutover(world, monkeypatch, gone(world, balancer))
    said = capsys.readouterr().err
    assert f"not undone on {balancer}, which does not answer" in said
    assert "the undo stopped before `verify old`, because requests may still reach the color that the undo" in said
    other = next(name for name in world.balancers if name != balancer)
    # the balancer that answers is back; the other one goes on with the new release, which runs on all nodes
    assert (world.weight(balancer), world.weight(other)) == (100, 0)
    assert {world.release(node, Color.green) for node in world.nodes} == {new}

    # the next command cannot go on either
    options = Options(ref="v1") if verb == "release" else Options()
    with pytest.raises(NotUndone, match=rf"{balancer}: .*the undo stopped before `verify old`"):
        verbs.VERBS[verb](fleet(world), options)
    assert restarted(world) == []

    world.down.clear()
    assert verbs.VERBS[verb](fleet(world), options) == 0
    if verb in ("abort", "resume"):
        assert world.snapshot() == former
    assert new not in world.releases("node1")


@pytest.mark.parametrize(
    ("balancer", "fault", "why"),
    [
        ("haproxy", "haproxy", "HAProxy's map has no valid weight: check that HAProxy is running"),
        pytest.param("nginx", "is-active", "nginx is not running", marks=pytest.mark.slow),
    ],
)
def test_a_balancer_without_readable_weights_stops_the_undo(
    released: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    balancer: str,
    fault: str,
    why: str,
) -> None:
    world, former = released, released.snapshot()
    monkeypatch.setattr("orchestrator.run.traffic.PATIENCE", 0.5)
    broken_after_the_cutover(world, monkeypatch, lambda: world.break_(balancer, fault))
    said = capsys.readouterr().err
    assert f"NOT UNDONE on {balancer}: does not say where it sends traffic ({why})" in said
    world.mend(balancer)
    assert verbs.abort(fleet(world), Options()) == 0
    assert world.snapshot() == former


@pytest.mark.slow
def test_a_balancer_that_keeps_its_weights_stops_the_undo(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world, former = released, released.snapshot()
    broken_after_the_cutover(world, monkeypatch, lambda: world.break_("haproxy", "set"))
    said = capsys.readouterr().err
    assert "NOT UNDONE on haproxy: HAProxy did not take the weight 0" in said
    assert "NOT UNDONE on haproxy: sends 100% of the traffic to green" in said
    world.mend("haproxy")
    assert verbs.abort(fleet(world), Options()) == 0
    assert world.snapshot() == former


@pytest.mark.slow
def test_a_first_release_stays_where_it_still_gets_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    new = broken_after_the_cutover(world, monkeypatch, lambda: world.break_("haproxy", "set"))
    assert {world.release(node, Color.green) for node in world.nodes} == {new}
    world.mend("haproxy")
    assert verbs.abort(fleet(world), Options()) == 0
    assert {world.release(node, Color.green) for node in world.nodes} == {None}


@pytest.mark.slow
def test_a_balancer_outside_the_inventory_is_not_asked(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = released
    new = broken_after_the_cutover(world, monkeypatch, gone(world, "nginx"))
    world.balancers.remove("nginx")
    try:
        assert verbs.abort(fleet(world), Options()) == 1
        assert new not in world.releases("node1")
    finally:
        world.balancers.append("nginx")


@pytest.mark.slow
def test_nodes_without_the_live_release_are_not_let_in(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = released
    world.down.add("node3")
    (world.path / "node3/unreachable").touch()
    with monkeypatch.context() as here:
        failing_at(here, "verify", lambda: world.break_("haproxy", "set"))
        allow = frozenset({"node3"})
        assert verbs.release(fleet(world), Options(ref="v1", allow_missing=allow)) == 4
    assert (world.path / "haproxy/barred").read_text().split() == ["node3"]


def moved_by_hand(world: World) -> None:
    """What a person may do at a balancer during a run."""
    (world.path / "haproxy/running").write_text("100\n")
    world.commands.clear()


def test_an_undo_does_not_restart_what_a_person_gave_traffic(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    failing_at(monkeypatch, "gate", lambda: moved_by_hand(world))
    assert verbs.release(fleet(world), Options(ref="v1")) == 4
    assert restarted(world) == []
    assert "the undo stopped before `quiet`" in capsys.readouterr().err


def test_a_resumed_run_asks_before_it_starts_a_color(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = released

    class Killed(BaseException):
        """The process is gone."""

    def die() -> None:
        raise Killed

    with monkeypatch.context() as here:
        failing_at(here, "start", die)
        here.setattr("orchestrator.journal.session.LEASE", 0.0)
        with pytest.raises(Killed):
            verbs.release(fleet(world), Options(ref="v1"))
    monkeypatch.setattr("orchestrator.journal.session.LEASE", 0.0)
    moved_by_hand(world)
    assert verbs.resume(fleet(world), Options()) == 4
    assert restarted(world) == []


def test_requests_that_only_a_balancer_sees_stop_the_undo(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = released
    drain = {"limit": 0.3, "at_limit": "refuse"}
    (world.path / "haproxy/in_flight").write_text("1\n")
    failing_at(monkeypatch, "gate", world.commands.clear)
    failing = verbs.release(fleet(world, drain=drain), Options(ref="v1"))
    assert failing == 1  # the first `quiet` refuses: nothing was begun
    (world.path / "haproxy/in_flight").unlink()
    before(monkeypatch, "start", lambda: (world.path / "haproxy/in_flight").write_text("1\n"))
    assert verbs.release(fleet(world, drain=drain), Options(ref="v1")) == 4
    assert restarted(world) == []

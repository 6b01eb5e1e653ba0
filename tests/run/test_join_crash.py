"""The operator's process dies at any point of a join: the next command settles the join, and the node can join."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import Refused
from orchestrator.journal import session
from orchestrator.model import Color, Weights
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result
from orchestrator.stages.start import Start
from tests.fakes.world import World
from tests.run.conftest import ring
from tests.run.test_crash import Death, Killed, NamedDeath, is_consistent
from tests.run.test_partial import barred, bring_back, leave_out, release_without

POINTS = 68
"""The number of points of this join; a test below checks the number."""

NEXT: dict[str, Callable[[World], int]] = {
    "resume": lambda world: verbs.resume(world.fleet(), Options()),
    "abort": lambda world: verbs.abort(world.fleet(), Options()),
    "join": lambda world: join(world),
    "rollback": lambda world: verbs.rollback(world.fleet(), Options()),
}


def join(world: World) -> int:
    return verbs.join(world.fleet(), Options(node="node3"))


@pytest.fixture
def behind(released: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The third node is barred and lacks the live release. A color with traffic may start only on a barred node."""
    release_without(released, "node3")
    one = Executor._one

    def watched(this: Executor, step: Step, undoing: bool) -> Result:
        if isinstance(step.action, Start):
            for balancer in released.balancers:
                share = Weights(released.weight(balancer)).share(step.action.color)
                assert share == 0 or step.place.name in barred(released, balancer), f"{step.action} on {step.place}"
        return one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", watched)
    return released


def drained(world: World) -> bool:
    return (world.root("node3") / "guard/drain").exists()


@pytest.mark.exhaustive
def test_the_points_are_counted(behind: World, monkeypatch: pytest.MonkeyPatch) -> None:
    death = Death(monkeypatch)
    assert join(behind) == 0
    assert len(death.points) == POINTS, death.points


def cases() -> list[object]:
    """Every point with every next command."""
    pairs = [(at, then) for at in range(1, POINTS + 1) for then in NEXT]
    return [pytest.param(*pair, marks=ring(number, 10_000)) for number, pair in enumerate(pairs, 1)]


@pytest.mark.parametrize(("at", "then"), cases())
def test_killed_anywhere(behind: World, monkeypatch: pytest.MonkeyPatch, at: int, then: str) -> None:
    world = behind
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            join(world)
    monkeypatch.setattr(session, "LEASE", 0.0)
    committed = any(point.startswith("after the record") and "commit" in point for point in death.points)
    if committed and then == "join":
        with pytest.raises(Refused, match="node3 is not barred"):
            join(world)
    else:
        assert NEXT[then](world) == 0, death.points[-1]
    assert not drained(world)
    assert {world.weight(name) for name in world.balancers} == {0 if then == "rollback" else 100}
    if not committed and (then in ("abort", "rollback") or (at == 1 and then == "resume")):
        # no switch sends requests to the node: also not the switch that had let the node in already
        assert barred(world, "haproxy") == barred(world, "nginx") == ["node3"]
        assert join(world) == 0
    assert barred(world, "haproxy") == barred(world, "nginx") == []
    is_consistent(world)


@pytest.mark.exhaustive
@pytest.mark.parametrize("action", ["tidy", "quiet", "fetch", "start"])
def test_a_killed_join_is_resumed(behind: World, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    with monkeypatch.context() as dying:
        NamedDeath(dying, f"before {action} on *", 1)
        with pytest.raises(Killed):
            join(behind)
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.resume(behind.fleet(), Options()) == 0
    is_consistent(behind)
    assert not drained(behind)


@pytest.mark.exhaustive
def test_a_drain_that_cannot_be_ended_blocks_no_other_run(
    behind: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The node is barred, so a drain mark that stays there does no harm."""
    one = Executor._one

    def failing(this: Executor, step: Step, undoing: bool) -> Result:
        if step.action.name == "start":
            behind.break_("node3", "health")
            leave_out(behind, "node3")
        return one(this, step, undoing)

    with monkeypatch.context() as broken:
        broken.setattr(Executor, "_one", failing)
        assert join(behind) == 1
    said = capsys.readouterr().err
    assert "warning: node3: " in said
    assert "end drain failed" not in said
    assert verbs.rollback(behind.fleet(), Options()) == 0
    assert verbs.rollback(behind.fleet(), Options()) == 0
    bring_back(behind, "node3")
    behind.mend("node3")
    assert join(behind) == 0
    assert not drained(behind)
    is_consistent(behind)


@pytest.mark.exhaustive
def test_a_color_that_already_runs_its_release_is_not_waited_for(released: World) -> None:
    """A person bars a node and lets it in again by a join: its streams stay."""
    for color in Color:
        assert released.release("node3", color) == released.release("node1", color)
    for balancer in released.balancers:
        (released.path / balancer / "barred").write_text("node3\n")
    sockets = released.path / "node3/sockets"
    sockets.write_text(f"u_str ESTAB 0 0 {released.root('node3')}/blue/run/ws.sock 12 * 21\n")
    # if the join waited for the stream, it would be refused
    refusing = load(released.settings | {"drain": {"limit": 0.5, "at_limit": "refuse"}})
    assert verbs.join(released.fleet(refusing), Options(node="node3")) == 0
    is_consistent(released)

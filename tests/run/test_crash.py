"""The operator's process dies at any point of a run: the next command, in a new process, settles the run.

A point is a write to the journal (right before it, right after it) or a step at one place (right before it, right
after it, the other places of the stage untouched). ``Killed`` acts like SIGKILL: no code of the run follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import pytest
from typing_extensions import override

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.journal import session
from orchestrator.journal.records import RunRecord
from orchestrator.journal.session import Session
from orchestrator.model import Color, Weights
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result
from orchestrator.stages.start import Start
from tests.fakes.world import World
from tests.run.conftest import followed


class Killed(BaseException):
    """The process is gone."""


class Death:
    """Counts points, and kills at one of them. Point 0 is never reached, so it only counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int = 0) -> None:
        self.at = at
        self.points: list[str] = []
        append, one = Session.append, Executor._one

        def dying_append(this: Session, records: Sequence[RunRecord], last: bool = False) -> None:
            names = ", ".join(f"{record.kind} {getattr(record, 'stage', '')}".strip() for record in records)
            self.point(f"before the record of {names}")
            append(this, records, last)
            self.point(f"after the record of {names}")

        def dying_one(this: Executor, step: Step, undoing: bool) -> Result:
            self.point(f"before {step.action.name} on {step.place}")
            result = one(this, step, undoing)
            self.point(f"after {step.action.name} on {step.place}")
            return result

        monkeypatch.setattr(Session, "append", dying_append)
        monkeypatch.setattr(Executor, "_one", dying_one)
        # a dead process gives no lock back, and a test does not wait for the lease of its lock
        monkeypatch.setattr(Session, "give_back", lambda this: this._renewing and this._renewing.kill())
        monkeypatch.setattr(session, "LEASE", 0.0)

    def point(self, name: str) -> None:
        self.points.append(name)
        if len(self.points) == self.at:
            raise Killed(name)


class NamedDeath(Death):
    """Kills at the n-th point whose name matches a pattern."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
        super().__init__(monkeypatch)
        self.name, self.number = name, number

    @override
    def point(self, name: str) -> None:
        self.points.append(name)
        if fnmatchcase(name, self.name) and sum(fnmatchcase(one, self.name) for one in self.points) == self.number:
            raise Killed(name)


@pytest.fixture(autouse=True)
def _undisturbed(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No step of a run, of its undo or of a settling restarts or re-points a color that gets requests."""
    one = Executor._one

    def watched(this: Executor, step: Step, undoing: bool) -> Result:
        if isinstance(step.action, Start):
            sends = {name: Weights(released.weight(name)).share(step.action.color) for name in released.balancers}
            assert set(sends.values()) == {0}, f"{step.action} on {step.place}: {sends}"
        return one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", watched)


VERBS: dict[str, Callable[[World], int]] = {
    "release": lambda world: verbs.release(world.fleet(), Options(ref="v1")),
    "rollback": lambda world: verbs.rollback(world.fleet(), Options()),
    "resume": lambda world: verbs.resume(world.fleet(), Options()),
    "abort": lambda world: verbs.abort(world.fleet(), Options()),
}

# the number of points of these runs; a test below checks the numbers
POINTS = {"release": 96, "rollback": 34}


def is_consistent(world: World) -> None:
    """One color has all the traffic at every balancer and every node's link; both colors run one release each."""
    weights = {world.weight(name) for name in world.balancers}
    assert weights in ({0}, {100})
    live = Color.green if weights == {100} else Color.blue
    assert {world.live(node) for node in world.nodes} == {live.value}
    for color in Color:
        releases = {world.release(node, color) for node in world.nodes}
        assert len(releases) == 1, f"{color} is mixed: {releases}"
        for node in world.nodes:
            started = (world.root(node) / color / "started").read_text().split()[0]
            assert started == world.release(node, color)
    assert len({tuple(world.releases(node)) for node in world.nodes}) == 1
    for node in world.nodes:
        assert not [path for path in (world.root(node) / "releases").iterdir() if path.name.startswith(".")]


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", POINTS)
def test_the_points_are_counted(released: World, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    death = Death(monkeypatch)
    assert VERBS[verb](released) == 0
    assert len(death.points) == POINTS[verb], death.points


@pytest.mark.parametrize(("verb", "at", "then"), followed(POINTS))
def test_killed_anywhere(released: World, monkeypatch: pytest.MonkeyPatch, verb: str, at: int, then: str) -> None:
    world = released
    back, live = world.release("node1", Color.green), world.release("node1", Color.blue)
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            VERBS[verb](world)
        # every client gets one release: weights are 0 or 100, and a color with traffic has one release on all nodes
        for balancer in world.balancers:
            assert world.weight(balancer) in (0, 100)
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert VERBS[then](world) == 0, death.points[-1]
    is_consistent(world)
    releases = {world.release("node1", color) for color in Color}
    if then == "abort" and verb == "release" and not _has_committed(death):
        assert releases == {back, live}
        assert world.weight("haproxy") == 0


def _has_committed(death: Death) -> bool:
    return any(point.startswith("after the record") and "commit" in point for point in death.points)


def builds() -> list[Any]:
    """Each action of building with each next command. `make test` takes each action and each command once."""
    actions, follow = ("environment", "build", "permit"), ("resume", "abort", "release")
    return [
        pytest.param(action, then, marks=pytest.mark.exhaustive if number == turn else pytest.mark.slow)
        for number, action in enumerate(actions)
        for turn, then in enumerate(follow)
    ]


@pytest.mark.parametrize(("action", "then"), builds())
def test_killed_while_it_is_built(released: World, monkeypatch: pytest.MonkeyPatch, action: str, then: str) -> None:
    world, before = released, released.snapshot()
    step = {"name": "vendor", "run": "mkdir vendor; cp .env vendor/x", "inputs": ["public"], "outputs": ["vendor"]}
    settings = load(world.settings | {"build": [step], "environment": {"values": {"KEY": "a-secret-key"}}})
    one = Executor._one

    def dying(this: Executor, step: Step, undoing: bool) -> Result:
        result = one(this, step, undoing)
        if (step.action.name, step.place.name) == (action, "node2"):
            raise Killed(action)
        return result

    with monkeypatch.context() as dies:
        Death(dies)
        dies.setattr(Executor, "_one", dying)
        with pytest.raises(Killed):
            verbs.release(world.fleet(settings), Options(ref="v1"))
    monkeypatch.setattr(session, "LEASE", 0.0)
    options = Options(ref="v1") if then == "release" else Options()
    assert verbs.VERBS[then](world.fleet(settings), options) == 0
    is_consistent(world)
    if then == "abort":
        assert world.snapshot() == before
        return
    for node in world.nodes:
        release = world.root(node) / "releases" / str(world.live_release(node))
        assert (release / ".env").read_text() == "KEY=a-secret-key\n"
        assert (release / "vendor/x").read_text() == "KEY=a-secret-key\n"

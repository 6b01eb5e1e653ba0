"""Each tick runs with the code of the live release, and the single-node schedules on exactly one node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.errors import OrchestratorError, Refused, UsageError
from orchestrator.journal import session
from orchestrator.options import Options
from orchestrator.run.handlers.hold_schedule import HoldScheduleHandler
from tests.fakes.world import World
from tests.run.conftest import followed
from tests.run.faults import failing_at
from tests.run.test_crash import Death, Killed

SCHEDULE: list[dict[str, Any]] = [
    {"name": "tick", "command": "echo $RELEASE"},
    {"name": "all", "command": "echo $RELEASE", "on": "each"},
]
POINTS = {"release": 94, "rollback": 42}
HAND_OVER = 6
"""The number of points of a run of `schedule` that lets another node run the schedules: two for each node."""


def scheduled(world: World) -> Settings:
    """Settings with a schedule on one node, and a schedule on each node."""
    made = load(world.settings | {"schedule": SCHEDULE})
    world.install_workers(made)
    return made


@pytest.fixture
def settings(released: World) -> Settings:
    return scheduled(released)


def ticks(world: World) -> dict[str, str]:
    """The nodes on which a tick of the schedule on one node runs the command: node -> release."""
    found = {node: world.tick(node, "tick", "one") for node in world.nodes}
    return {node: said for node, said in found.items() if said}


def runs_once(world: World, node: str = "node1") -> None:
    """Assert that a tick now runs once, and with the code of the live release."""
    assert ticks(world) == {node: world.live_release(node)}


def release(world: World, settings: Settings, ref: str = "v1", **more: Any) -> int:
    return verbs.release(world.fleet(settings), Options(ref=ref, **more))


@pytest.mark.exhaustive
def test_ticks_follow_the_live_release(released: World, settings: Settings) -> None:
    world = released
    assert ticks(world) == {}
    assert release(world, settings) == 0
    runs_once(world)
    former = world.live_release("node1")
    assert release(world, settings, "v2") == 0
    runs_once(world)
    assert world.live_release("node1") != former
    assert verbs.rollback(world.fleet(settings), Options()) == 0
    assert ticks(world) == {"node1": former}
    assert [world.tick(node, "all", "each") for node in world.nodes] == [former] * 3


@pytest.mark.exhaustive
def test_a_failed_release_keeps_the_old_code(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = released
    assert release(world, settings) == 0
    former = world.live_release("node1")
    failing_at(monkeypatch, "proof", lambda: None)
    failing_at(monkeypatch, "verify", lambda: None)
    assert release(world, settings, "v2") == 1
    assert ticks(world) == {"node1": former}


@pytest.mark.exhaustive
def test_a_release_without_the_schedule_runs_nothing(released: World, settings: Settings) -> None:
    world = released
    assert release(world, settings) == 0
    assert release(world, load(world.settings), "v2") == 0
    assert ticks(world) == {}
    assert verbs.rollback(world.fleet(settings), Options()) == 0
    runs_once(world)


@pytest.mark.exhaustive
def test_a_node_that_is_left_out_runs_no_schedule(released: World, settings: Settings) -> None:
    world = released
    hold(world, "node3")
    runs_once(world, "node3")
    bar(world, "node3")
    assert release(world, settings, allow_missing=frozenset({"node3"})) == 0
    runs_once(world, "node1")
    assert world.tick("node3", "all", "each") == ""
    assert verbs.join(world.fleet(settings), Options(node="node3")) == 0
    runs_once(world, "node1")
    assert world.tick("node3", "all", "each") == world.live_release("node1")


def hold(world: World, holder: str) -> None:
    """Let a node run the single-node schedules, with releases that have these schedules."""
    for node in world.nodes:
        (world.root(node) / "guard/schedule").write_text(f"{'one' if node == holder else 'each'} 1 {holder}\n")
        for one, path in ((one, path) for one in SCHEDULE for path in (world.root(node) / "releases").iterdir()):
            (path / ".release/stack" / f"schedule-{one['name']}").write_text(f"{one['command']}\n")


def bar(world: World, node: str) -> None:
    """Bar a node at all balancers."""
    for balancer in world.balancers:
        (world.path / balancer / "barred").write_text(f"{node}\n")


@pytest.mark.exhaustive
def test_a_silent_node_is_replaced_only_by_a_word(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    assert release(world, settings) == 0
    world.down.add("node1")
    assert release(world, settings, "v2", allow_missing=frozenset({"node1"})) == 0
    # node1 may still run the schedules: no other node does
    assert {node: said for node, said in ticks(world).items() if node != "node1"} == {}
    assert "node1 runs tick, but does not answer: if it is off" in status(world, settings, capsys)
    choose = verbs.VERBS["schedule"]
    with pytest.raises(Refused, match="node1 ran the single-node schedules, and does not answer"):
        choose(world.fleet(settings), Options(node="node2"))
    assert choose(world.fleet(settings), Options(gone=frozenset({"node1"}))) == 0
    assert {node: said for node, said in ticks(world).items() if node != "node1"} == {
        "node2": world.live_release("node2")
    }
    world.down.discard("node1")
    assert "node1 runs tick, too: deploys/schedule.py stops this" in status(world, settings, capsys)
    assert verbs.join(world.fleet(settings), Options(node="node1")) == 0
    runs_once(world, "node2")


@pytest.mark.exhaustive
def test_the_operator_chooses_the_node(released: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    world = released
    choose = verbs.VERBS["schedule"]
    assert release(world, settings) == 0
    assert "node1 runs tick; each node runs all" in status(world, settings, capsys)
    assert choose(world.fleet(settings), Options(node="node3")) == 0
    runs_once(world, "node3")
    assert choose(world.fleet(settings), Options()) == 0
    assert release(world, settings, "v2") == 0
    runs_once(world, "node3")
    assert "node3 runs tick; each node runs all" in status(world, settings, capsys)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (Options(node="node9"), UsageError, "--data node: there is no node node9"),
        (Options(gone=frozenset({"node9"})), UsageError, "--data gone: there is no node node9"),
        (Options(gone=frozenset({"node1"})), Refused, "node1 answers, so it is not gone"),
    ],
)
def test_a_wrong_choice_is_refused(
    released: World, settings: Settings, options: Options, error: type[OrchestratorError], words: str
) -> None:
    assert release(released, settings) == 0
    with pytest.raises(error, match=words):
        verbs.VERBS["schedule"](released.fleet(settings), options)
    runs_once(released)


def test_a_choice_needs_schedules(released: World) -> None:
    with pytest.raises(UsageError, match="the settings have no schedules"):
        verbs.VERBS["schedule"](released.fleet(), Options())


@pytest.mark.exhaustive
def test_no_second_node_starts_if_the_first_goes_on(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = released
    assert release(world, settings) == 0
    one = HoldScheduleHandler.at_host

    def at_host(this: Any, host: Any, step: Any, undoing: bool) -> str:
        # the note of the node that must stop gets lost
        return "" if step.action.runs == "each" and host.name == "node1" else one(this, host, step, undoing)

    monkeypatch.setattr(HoldScheduleHandler, "at_host", at_host)
    monkeypatch.setattr("orchestrator.run.handlers.hold_schedule.JOBS", 0.2)
    assert verbs.VERBS["schedule"](world.fleet(settings), Options(node="node2")) == 1
    runs_once(world, "node1")


@pytest.mark.exhaustive
def test_status_shows_commands_of_a_former_release(
    released: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    world = released
    assert release(world, settings) == 0
    former = world.live_release("node1")
    assert release(world, settings, "v2") == 0
    unit = world.path / "node1/systemd/shop-schedule-tick.service"
    unit.write_text("0\n4711\n")
    (world.path / "node1/run/orchestrator/shop-schedule-tick").mkdir(parents=True, exist_ok=True)
    (world.path / "node1/run/orchestrator/shop-schedule-tick/release").write_text(f"{former}\n")
    assert f"node1 tick ({former}, process 4711): runs for" in status(world, settings, capsys)


def status(world: World, settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert verbs.VERBS["status"](world.fleet(settings), Options()) == 0
    return capsys.readouterr().out


# The operator's process dies at any point


def leaving_out(world: World, settings: Settings) -> Callable[[str], int]:
    """Prepare runs that leave the node out that runs the single-node schedules. Returns a function that runs a verb."""
    hold(world, "node3")
    bar(world, "node3")

    def run(verb: str) -> int:
        missing = frozenset({"node3"}) if verb == "release" else frozenset()
        options = Options(ref="v1" if verb == "release" else None, allow_missing=missing)
        return verbs.VERBS[verb](world.fleet(settings), options)

    return run


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", POINTS)
def test_the_points_are_counted(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    run = leaving_out(released, settings)
    death = Death(monkeypatch)
    assert run(verb) == 0
    assert len(death.points) == POINTS[verb], death.points


@pytest.mark.parametrize(("verb", "at", "then"), followed(POINTS))
def test_ticks_after_a_death(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, verb: str, at: int, then: str
) -> None:
    world, run = released, leaving_out(released, settings)
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            run(verb)
    # never two nodes; none only between the two stages that move the schedules
    assert len(ticks(world)) <= 1, death.points[-1]
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert run(then) == 0, death.points[-1]
    assert len(ticks(world)) <= 1, death.points[-1]
    assert run("release") == 0, death.points[-1]
    runs_once(world, "node1")


@pytest.mark.exhaustive
def test_the_points_of_a_hand_over_are_counted(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert release(released, settings) == 0
    death = Death(monkeypatch)
    assert verbs.VERBS["schedule"](released.fleet(settings), Options(node="node2")) == 0
    assert len(death.points) == HAND_OVER, death.points


@pytest.mark.exhaustive
@pytest.mark.parametrize("at", range(1, HAND_OVER + 1))
def test_a_hand_over_after_a_death(
    released: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    world = released
    assert release(world, settings) == 0
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            verbs.VERBS["schedule"](world.fleet(settings), Options(node="node2"))
    # never two nodes; none only between the two stages
    assert len(ticks(world)) <= 1, death.points[-1]
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.VERBS["schedule"](world.fleet(settings), Options(node="node2")) == 0, death.points[-1]
    runs_once(world, "node2")

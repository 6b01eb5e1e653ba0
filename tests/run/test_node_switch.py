"""Fleets without a balancer: each node's own link is the switch, and all links swap at one instant."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import gevent
import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import Refused
from orchestrator.facts.fired import Swap, parse
from orchestrator.fleet import Fleet
from orchestrator.model import Color, Weights
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.run_probe import RunProbe
from orchestrator.run.walk import Result
from tests.fakes.world import World
from tests.run.conftest import connected


@pytest.fixture(scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """A world after a release, and a copy of it to go back to: a release waits for its instant."""
    path = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = connected(World(path / "world", balancers=()), monkeypatch)
        assert verbs.release(fleet(made), Options(ref="v1")) == 0
    shutil.copytree(path / "world", path / "kept", symlinks=True)
    return made, path / "kept"


@pytest.fixture
def world(_once: tuple[World, Path], monkeypatch: pytest.MonkeyPatch) -> World:
    """Three nodes and nothing else, v1 live in green."""
    made, kept = _once
    shutil.rmtree(made.path)
    shutil.copytree(kept, made.path, symlinks=True)
    return connected(made, monkeypatch)


def fleet(world: World, **more: Any) -> Fleet:
    urls = [f"http://{node}.test/" for node in world.nodes]
    switch = {"kind": "node", "urls": urls, "lead": 4.0, "window": 2.0} | more
    deadlines = {**world.settings["deadlines"], "look": 8}
    return world.fleet(load({**world.settings, "deadlines": deadlines, "switches": [switch]}))


def lives(world: World) -> set[str]:
    return {world.live(node) for node in world.nodes}


def swaps(world: World) -> list[Swap]:
    """How each node swapped last, by its own record."""
    records = [(world.root(node) / "guard/fired").read_text().splitlines() for node in world.nodes]
    wanted = next(line.partition("=")[2] for line in records[0] if line.startswith("run="))
    return [parse([f"wanted={wanted}", *record]) for record in records]


@pytest.mark.slow
def test_all_links_swap_at_one_instant_and_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # the probe must know each cutover, to count late answers and failures from before the cutover
    known: list[Weights] = []
    monkeypatch.setattr(RunProbe, "shifting", lambda self, weights: known.append(weights))
    assert lives(world) == {"green"}
    before = time.time()
    assert verbs.release(fleet(world), Options(ref="v2")) == 0
    assert lives(world) == {"blue"}
    (instant,) = {swap.at for swap in swaps(world)}
    assert all(before < instant <= swap.instant < time.time() for swap in swaps(world))
    assert verbs.rollback(fleet(world), Options()) == 0
    assert lives(world) == {"green"}
    assert known == [Weights.all_to(Color.blue), Weights.all_to(Color.green)]
    assert not [name for node in world.nodes for name in os.listdir(world.root(node)) if name.endswith(".armed")]


@pytest.mark.exhaustive
def test_a_node_without_a_link_gets_it_when_it_has_joined(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before, root = world.snapshot(), world.root("node3")
    (root / "live").unlink()
    for color in Color:
        (root / color / "release").unlink(missing_ok=True)
    with pytest.raises(Refused, match=r"node3: is barred until it has joined \(deploys/join.py --data node=node3"):
        verbs.release(fleet(world), Options(ref="v2"))
    with pytest.raises(Refused, match="node1 is not barred"):
        verbs.join(fleet(world), Options(node="node1"))

    world.break_("node3", "health")
    assert verbs.join(fleet(world), Options(node="node3")) == 1
    assert not (root / "live").is_symlink()
    world.mend("node3")
    assert verbs.join(fleet(world), Options(node="node3")) == 0
    assert world.snapshot() == before


@pytest.mark.slow
def test_a_node_that_does_not_swap_takes_all_of_them_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.snapshot()
    one = Executor._one

    def forgetful(this: Executor, step: Step, undoing: bool) -> Result:
        result = one(this, step, undoing)
        if (step.action.name, step.place.name, undoing) == ("arm", "node2", False):
            (world.root("node2") / "guard/armed").unlink()
        return result

    monkeypatch.setattr(Executor, "_one", forgetful)
    assert verbs.release(fleet(world), Options(ref="v2")) == 1
    assert world.snapshot() == before
    assert lives(world) == {"green"}


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_node_armed_too_late_swaps_the_others_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.snapshot()
    one = Executor._one
    swapped: list[set[str]] = []

    def slow(this: Executor, step: Step, undoing: bool) -> Result:
        if (step.action.name, step.place.name, undoing) == ("arm", "node2", False):
            gevent.sleep(5.0)
        result = one(this, step, undoing)
        swapped.append(lives(world))
        return result

    monkeypatch.setattr(Executor, "_one", slow)
    assert verbs.release(fleet(world), Options(ref="v2")) == 1
    assert {"blue", "green"} in swapped
    assert world.snapshot() == before


@pytest.mark.exhaustive
def test_clocks_that_differ_refuse_before_anybody_is_armed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.snapshot()
    answer = world.answer

    def wrong(connector: Any, command: str, stdin: str = "") -> Any:
        if connector.host.name == "node3" and "date +%s.%N" in command and "/srv/" not in command:
            command = command.replace("date +%s.%N", "date -d +5sec +%s.%N")
        return answer(connector, command, stdin)

    monkeypatch.setattr(world, "answer", wrong)
    assert verbs.release(fleet(world), Options(ref="v2")) == 1
    # its five seconds, but for what the looks at the clocks took
    assert re.search(r"clocks differ by more than 0\.1 s: node3 is [45]\.\d+ s ahead", capsys.readouterr().err)
    assert world.snapshot() == before


@pytest.mark.slow
def test_a_run_that_died_before_the_instant_moves_no_node(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.run.test_crash import Death, Killed

    before = world.snapshot()
    with monkeypatch.context() as dying:
        counting = Death(dying)
        assert verbs.release(fleet(world), Options(ref="v2")) == 0
        last = max(index for index, point in enumerate(counting.points, start=1) if point.startswith("after arm"))
    assert verbs.rollback(fleet(world), Options()) == 0
    before = {node: world.release(node, Color.green) for node in world.nodes}
    with monkeypatch.context() as dying:
        Death(dying, last)
        with pytest.raises(Killed):
            verbs.release(fleet(world, lead=6.0), Options(ref="v2"))
        # the next command closes every node to the dead run, so that no node swaps for it any more
        assert verbs.abort(fleet(world), Options()) == 0
    time.sleep(6.0)
    assert lives(world) == {"green"}
    assert {node: world.release(node, Color.green) for node in world.nodes} == before
    assert verbs.release(fleet(world), Options(ref="v2")) == 0
    assert lives(world) == {"blue"}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("verb", ["resume", "release"])
def test_a_run_that_died_is_taken_up(world: World, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    from tests.run.test_crash import Death, Killed

    with monkeypatch.context() as dying:
        counting = Death(dying)
        assert verbs.release(fleet(world), Options(ref="v2")) == 0
        last = max(index for index, point in enumerate(counting.points, start=1) if point.startswith("after arm"))
    assert verbs.rollback(fleet(world), Options()) == 0
    with monkeypatch.context() as dying:
        Death(dying, last)
        with pytest.raises(Killed):
            verbs.release(fleet(world), Options(ref="v2"))
        monkeypatch.setattr("orchestrator.journal.session.LEASE", 0.0)
    assert verbs.VERBS[verb](fleet(world), Options(ref="v1")) == 0
    assert len(lives(world)) == 1
    assert len({world.live_release(node) for node in world.nodes}) == 1

"""Shares of the traffic, batches of nodes, a run that waits: on ``@fake`` hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result
from orchestrator.stages.batches import batches
from tests.fakes.world import World

STEPS = [{"weight": 5}, {"weight": 25, "bake": 0.1}, {"weight": 100, "bake": 0.1}]


def fleet(world: World, **changes: Any) -> Fleet:
    return world.fleet(load({**world.settings, "cutover": STEPS, "comparison": {"enabled": False}, **changes}))


def weights(world: World) -> list[int]:
    return [world.weight(balancer) for balancer in world.balancers]


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch, released: World) -> list[list[int]]:
    """The weights of green at both balancers after each stage, without repetitions."""
    seen: list[list[int]] = []
    perform = Executor.perform

    def noted(this: Executor, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        results = perform(this, steps, undoing)
        if [weights(released)] != seen[-1:]:
            seen.append(weights(released))
        return results

    monkeypatch.setattr(Executor, "perform", noted)
    return seen


@pytest.mark.exhaustive
def test_traffic_moves_share_by_share(released: World, moves: list[list[int]]) -> None:
    assert verbs.release(fleet(released), Options(ref="v1")) == 0
    assert moves == [[0, 0], [5, 5], [25, 25], [100, 100]]
    assert {released.live(node) for node in released.nodes} == {"green"}
    # a rollback moves all traffic at once
    moves.clear()
    assert verbs.rollback(fleet(released), Options()) == 0
    assert moves == [[100, 100], [0, 0]]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "stage",
    [
        "verify 5%",
        "bake 25%",
        *(pytest.param(stage, marks=pytest.mark.slow) for stage in ("verify 25%", "verify", "bake")),
    ],
)
def test_after_a_failure_at_any_share_the_old_color_serves_all(
    released: World, moves: list[list[int]], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    before = released.snapshot()
    share = {"verify 5%": 5, "verify 25%": 25, "bake 25%": 25, "verify": 100, "bake": 100}[stage]
    one = Executor._one

    def failing(this: Executor, step: Step, undoing: bool) -> Result:
        here = step.action.name == stage.split()[0] and weights(released) == [share, share]
        return Result(step.place, "worse than the old one") if here and not undoing else one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", failing)
    assert verbs.release(fleet(released), Options(ref="v1")) == 1
    assert moves[-1] == [0, 0]
    assert max(moves) == [share, share]
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_no_balancer_moves_if_one_would_refuse(
    released: World, moves: list[list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = released.snapshot()
    (released.path / "nginx" / "var/lib/orchestrator/shop/weights/25").rmdir()
    assert verbs.release(fleet(released), Options(ref="v1")) == 1
    assert "arm 25% failed on nginx: there is no directory" in capsys.readouterr().err
    # no balancer ever had 25%
    assert moves == [[0, 0], [5, 5], [0, 0]]
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_a_first_release_gets_all_traffic_at_once(world: World) -> None:
    assert verbs.release(fleet(world), Options(ref="v1")) == 0
    assert weights(world) == [100, 100]


# A run that waits


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("until", "share"), [("preview", 0), ("25%", 25), pytest.param("5", 5, marks=pytest.mark.slow)]
)
def test_a_run_waits_and_then_goes_on(
    released: World, until: str, share: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verbs.release(fleet(released), Options(ref="v1", until=until.removesuffix("%"))) == 0
    assert weights(released) == [share, share]
    assert "deploys/promote.py continues the release, deploys/abort.py undoes the release" in capsys.readouterr().err
    verbs.show_status(fleet(released), Options())
    assert "PAUSED       release by" in capsys.readouterr().out
    for verb in (verbs.release, verbs.rollback):
        with pytest.raises(
            Refused, match=r"waits .*promote.py continues the release, deploys/abort.py undoes the release"
        ):
            verb(fleet(released), Options(ref="v2"))
    assert weights(released) == [share, share]
    assert verbs.promote(fleet(released), Options()) == 0
    assert weights(released) == [100, 100]
    assert verbs.rollback(fleet(released), Options()) == 0


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_may_wait_again(released: World) -> None:
    assert verbs.release(fleet(released), Options(ref="v1", until="preview")) == 0
    with pytest.raises(UsageError, match="until=preview: the run cannot stop at preview; the run can stop at 5, 25"):
        verbs.promote(fleet(released), Options(until="preview"))
    assert verbs.promote(fleet(released), Options(until="25")) == 0
    assert weights(released) == [25, 25]
    assert verbs.promote(fleet(released), Options()) == 0
    assert weights(released) == [100, 100]


@pytest.mark.exhaustive
@pytest.mark.parametrize("until", ["preview", "25"])
def test_a_run_that_waits_is_taken_back(released: World, until: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = released.snapshot()
    assert verbs.release(fleet(released), Options(ref="v1", until=until)) == 0
    assert verbs.abort(fleet(released), Options()) == 0
    waited = {"preview": "before any traffic", "25": "at 25% of the traffic"}[until]
    assert re.search(rf"aborting release by .*, which waited {waited}$", capsys.readouterr().err, re.MULTILINE)
    assert released.snapshot() == before
    with pytest.raises(Refused, match="nothing to promote"):
        verbs.promote(fleet(released), Options())


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_place_to_wait_that_the_plan_does_not_have_is_refused(released: World) -> None:
    before = released.snapshot()
    with pytest.raises(UsageError, match="until=50: the run cannot stop at 50; the run can stop at preview, 5, 25"):
        verbs.release(fleet(released), Options(ref="v1", until="50"))
    assert released.snapshot() == before
    assert verbs.release(fleet(released), Options(ref="v1")) == 0


# Batches


@pytest.mark.parametrize(
    ("nodes", "sizes", "wanted"),
    [
        (3, [], [3]),
        (3, [1, "100%"], [1, 2]),
        (3, [1, "25%", "100%"], [1, 2]),
        (200, [1, "25%", "100%"], [1, 49, 150]),
        (2, [5, "100%"], [2]),
        (10, ["0.5%", "33%", "100%"], [1, 3, 6]),
    ],
)
def test_batches_cover_every_node_once(nodes: int, sizes: list[int | str], wanted: list[int]) -> None:
    found = batches(nodes, sizes)
    assert [len(range(nodes)[part]) for part in found] == wanted
    assert [node for part in found for node in range(nodes)[part]] == list(range(nodes))


STARTS = 'systemctl restart "$target"'
"""In the command that starts a color."""


@pytest.mark.exhaustive
def test_nodes_are_prepared_batch_by_batch(released: World) -> None:
    released.commands.clear()
    assert verbs.release(fleet(released, batches=[1, "100%"]), Options(ref="v1")) == 0
    fetched = [name for name, command in released.commands if "read-tree" in command]
    started = [name for name, command in released.commands if STARTS in command]
    assert fetched[0] == started[0] == "node1"
    assert sorted(fetched) == sorted(started) == ["node1", "node2", "node3"]
    order = [what for what in released.commands if "read-tree" in what[1] or STARTS in what[1]]
    assert STARTS in order[1][1], "the first node starts before the others fetch"


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_failure_in_a_later_batch_takes_the_earlier_ones_back(released: World) -> None:
    before = released.snapshot()
    hooks = [{"after": "start", "run": "[ $HOST_NAME != node3 ]"}]
    assert verbs.release(fleet(released, batches=[1, "50%", "100%"], hooks=hooks), Options(ref="v1")) == 1
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_hooks_run_once_around_all_shares_and_for_each_batch(released: World, tmp_path: Any) -> None:
    log = tmp_path / "log"
    hooks = [
        {"before": "cutover", "on": "operator", "run": f"echo before >> {log}"},
        {"after": "cutover", "on": "operator", "run": f"echo after >> {log}"},
        {"after": "fetch", "run": f"echo fetched >> {log}"},
    ]
    assert verbs.release(fleet(released, batches=[1, "100%"], hooks=hooks), Options(ref="v1")) == 0
    assert log.read_text().split() == ["fetched"] * 3 + ["before", "after"]

"""A node of the data plane: the order in which it adopts changes, and the effect of a health check."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.alb.control import HEALTHY, INITIAL, State
from tests.alb.metrics import Metrics
from tests.alb.plane import Checked, Node, Options
from tests.alb.snapshot import Group, Rule, Snapshot

SICK = State("unhealthy", "Target.Timeout", "Request timed out")
GROUP = Group("arn", (), "/", "200", 1.0, healthy_after=3, unhealthy_after=2)


@pytest.mark.parametrize("seed", range(5))
def test_the_newest_snapshot_stays(seed: int) -> None:
    said = [Snapshot((Rule((), (), (), 0, status),)) for status in range(400, 420)]

    async def learn() -> list[Snapshot]:
        node = Node(Options(delay=(0.0, 0.05)), "127.0.77.101", random.Random(seed), Metrics())
        adopted: list[Snapshot] = []
        node.adopt = adopted.append  # type: ignore[method-assign, assignment]
        for snapshot in said:
            node.learn(snapshot)
            await asyncio.sleep(0)
        await asyncio.sleep(0.15)
        return adopted

    assert asyncio.run(learn()) == said


@pytest.mark.parametrize(
    ("answers", "states"),
    [
        ([HEALTHY], [HEALTHY]),
        ([SICK, SICK, HEALTHY, HEALTHY, HEALTHY], [INITIAL, SICK, SICK, SICK, HEALTHY]),
        ([HEALTHY, SICK, HEALTHY, SICK, SICK], [HEALTHY, HEALTHY, HEALTHY, HEALTHY, SICK]),
        ([SICK, HEALTHY], [INITIAL, HEALTHY]),
    ],
)
def test_a_new_target_needs_one_pass_a_known_one_the_thresholds(answers: list[State], states: list[State]) -> None:
    checked, found = Checked(), []
    for answer in answers:
        checked.told(answer, GROUP)
        found.append(checked.state)
    assert found == states

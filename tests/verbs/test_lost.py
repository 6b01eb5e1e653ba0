"""Which nodes are barred after an undo that some nodes did not answer."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.plan.inputs import WorkersInput
from orchestrator.plan.steps import Place
from orchestrator.run.walk import Result
from orchestrator.verbs.lost import bar_lost_nodes
from tests.stages import plans


@pytest.mark.parametrize(("unreached", "bars"), [((), True), (("node2",), False)])
def test_a_node_that_a_rollback_never_reached_serves_nobody(unreached: tuple[str, ...], bars: bool) -> None:
    made = replace(plans.inputs("rollback", "workers"), workers=WorkersInput((), unreached))
    fleet: Any = SimpleNamespace(has=lambda name: True, address=lambda name: f"{name}.example")
    done: list[Any] = []
    walk: Any = SimpleNamespace(besides=done.append)
    left = [Result(Place("node", "node1"), "no answer", lost=True)]
    assert bar_lost_nodes(fleet, walk, made, left) is bars
    assert len(done) == bars

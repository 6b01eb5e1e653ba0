"""The mark of a drain that was not ended: at which balancers a node is let in again."""

from __future__ import annotations

import pytest

from orchestrator.provision.drain_mark import NOWHERE, named


@pytest.mark.parametrize(
    ("lines", "balancers"),
    [
        (["lb1"], ["lb1"]),
        (["lb2", "lb1"], ["lb1", "lb2"]),
        # a balancer that is no longer in the inventory
        (["lb9"], []),
        # the only node with traffic was not barred
        ([NOWHERE], []),
        # an older version wrote an empty mark
        ([], ["lb1", "lb2"]),
    ],
)
def test_a_mark_names_the_balancers(lines: list[str], balancers: list[str]) -> None:
    assert named(lines, ["lb1", "lb2"]) == balancers

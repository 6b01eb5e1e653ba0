"""The mark of a drain that was not ended: at which balancers a node is let in again."""

from __future__ import annotations

import pytest

from orchestrator.provision.drain_mark import NOWHERE, named, unserved


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


@pytest.mark.parametrize(
    ("answered", "found"),
    [
        ({"node1", "node2"}, False),
        ({"node2", "node3"}, True),
        # the balancer does not serve yet
        (set(), False),
    ],
)
def test_a_node_must_answer_after_it_was_let_in(answered: set[str], found: bool) -> None:
    problem = unserved("node1", answered)
    assert ("only node2, node3 answered" in problem) == bool(problem) == found

"""Which nodes are named because their files differ."""

from __future__ import annotations

import pytest

from orchestrator.gates.same import judge

A, B, C = "a" * 64, "b" * 64, "c" * 64
OTHER = "has other files (tree {}) than the other nodes (tree {})"
NONE = "has other files than other nodes (tree {}), and no version has the majority"


@pytest.mark.parametrize(
    ("trees", "differ"),
    [
        ({}, {}),
        ({"n1": A}, {}),
        ({"n1": A, "n2": A, "n3": A}, {}),
        ({"n1": A, "n2": B, "n3": A}, {"n2": OTHER.format("b" * 7, "a" * 7)}),
        (
            {"n1": B, "n2": A, "n3": A, "n4": C},
            {"n1": OTHER.format("b" * 7, "a" * 7), "n4": OTHER.format("c" * 7, "a" * 7)},
        ),
        ({"n1": A, "n2": B}, {"n1": NONE.format("a" * 7), "n2": NONE.format("b" * 7)}),
        (
            {"n1": A, "n2": B, "n3": C},
            {"n1": NONE.format("a" * 7), "n2": NONE.format("b" * 7), "n3": NONE.format("c" * 7)},
        ),
    ],
)
def test_nodes_with_other_files_are_named(trees: dict[str, str], differ: dict[str, str]) -> None:
    assert judge(trees) == differ

"""Gate: all nodes have the same files. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

SHORT = 7
"""Number of digits of a tree's hash that a message shows."""


def judge(trees: Mapping[str, str]) -> dict[str, str]:
    """Return a message for each node whose files differ from the majority's; for all nodes if there is no majority.

    + trees: node -> hash of the node's files
    """
    counts = Counter(trees.values()).most_common()
    if len(counts) < 2:
        return {}
    most, number = counts[0]
    if number == counts[1][1]:
        return {
            name: f"has other files than other nodes (tree {tree[:SHORT]}), and no version has the majority"
            for name, tree in trees.items()
        }
    return {
        name: f"has other files (tree {tree[:SHORT]}) than the other nodes (tree {most[:SHORT]})"
        for name, tree in trees.items()
        if tree != most
    }

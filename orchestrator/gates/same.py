"""Gate: the release has the same files on all nodes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

SHORT = 7
"""Number of digits that a message shows of a hash. The hash stands for all files of a release on a node."""


def judge(trees: Mapping[str, str]) -> dict[str, str]:
    """Return node -> message, for each node whose files differ from the files that most nodes have.

    If all nodes have the same files, return an empty dict. If two or more versions of the files are the most frequent,
    on equally many nodes, return a message for every node.

    + trees: node -> hash over the release's files on the node
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

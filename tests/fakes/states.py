"""Observed states of nodes, for tests of pure decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.facts.node import NodeState
from orchestrator.model import Color

BLUE, GREEN = Color.blue, Color.green
OLD, LIVE = "20260101T120000Z-aaaaaaa", "20260102T120000Z-bbbbbbb"


def node(**changes: Any) -> NodeState:
    """A node with blue live and the former release warm in green."""
    whole = NodeState(
        provisioned=True,
        live=BLUE,
        release={BLUE: LIVE, GREEN: OLD},
        started={BLUE: LIVE, GREEN: OLD},
        active={BLUE: True, GREEN: True},
        releases=(OLD, LIVE),
        disk_mb=1000,
        inodes=10_000,
        memory_mb=1000,
        rss_mb={BLUE: 50, GREEN: 50},
        filesystem="ext2/ext3",
        fence=1,
    )
    return replace(whole, **changes)

"""The number of commands that each verb sends to each host. A command more or less is seen here."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator import verbs
from orchestrator.journal import session
from orchestrator.options import Options
from tests.fakes.world import World

NODES = ("node1", "node2", "node3")
# haproxy holds the lock and the journal; the first node asks the origin for the revision
COUNTS: dict[str, dict[str, int]] = {
    "release": {"node1": 13, "node2": 12, "node3": 12, "haproxy": 23, "nginx": 7},
    "rollback": {**dict.fromkeys(NODES, 3), "haproxy": 16, "nginx": 6},
    "status": {**dict.fromkeys(NODES, 2), "haproxy": 3, "nginx": 2},
}
"""Verb -> host -> number of commands."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", COUNTS)
def test_a_verb_sends_so_many_commands(released: World, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # a run renews its lock, with one command more for each five seconds
    monkeypatch.setattr(session, "RENEW", 600.0)
    released.commands.clear()
    assert verbs.VERBS[verb](released.fleet(), Options(ref="v1" if verb == "release" else None)) == 0
    assert Counter(host for host, _ in released.commands) == COUNTS[verb]

"""The message of a failed stage."""

from __future__ import annotations

from orchestrator.plan.steps import Place
from orchestrator.run.walk import NAMES, Result, StageFailed


def failed(*errors: str) -> str:
    results = [Result(Place("node", f"node{number}"), error) for number, error in enumerate(errors, 1)]
    return str(StageFailed({"warm": results}))


def test_places_with_the_same_error_share_a_message() -> None:
    assert failed("a", "b", "a") == "warm failed on node1, node3: a; warm failed on node2: b"


def test_a_message_names_only_a_few_places() -> None:
    assert failed(*["a"] * NAMES).startswith("warm failed on node1, node2, ")
    assert failed(*["a"] * (NAMES + 2)).endswith(", node8 and 2 more: a")

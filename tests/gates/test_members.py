"""The gate of a balancer's members: which nodes must pass, and the message about those that do not."""

from __future__ import annotations

import pytest

from orchestrator.facts.answers import Answer, Member
from orchestrator.gates import members

OLD, NEW = "20260101T120000Z-aaaaaaa", "20260102T120000Z-bbbbbbb"

GOOD, BAD, NONE = Answer(200, NEW), Answer(503, NEW), Answer(0, None)
UP, FAILING, DOWN = Member(GOOD, GOOD), Member(BAD, GOOD), Member(NONE, NONE)
LAST = f"; each node must answer with status 200 from {NEW}"


def judge(found: dict[str, Member], down: tuple[str, ...] = (), required: bool = True) -> str | None:
    return members.judge(found, down, ("node1", "node2"), NEW, required)


def test_members_that_all_answer_pass() -> None:
    assert judge({"node1": UP, "node2": UP}) is None


@pytest.mark.parametrize(
    ("node2", "line"),
    [
        (FAILING, f"node2 gives status 503 from {NEW}"),
        (Member(Answer(200, OLD), GOOD), f"node2 gives status 200 from {OLD}"),
        (Member(Answer(200, None), GOOD), "node2 gives status 200 without a release marker"),
        (DOWN, "node2 gives no answer"),
        (None, "node2 got no request"),
    ],
)
def test_a_member_that_fails_is_named(node2: Member | None, line: str) -> None:
    found = {"node1": UP} | ({"node2": node2} if node2 else {})
    assert judge(found) == f"seen from this balancer, {line}{LAST}"


def test_all_failing_members_are_in_one_line() -> None:
    line = f"node1 gives status 503 from {NEW}, node2 gives no answer"
    assert judge({"node1": FAILING, "node2": DOWN}) == f"seen from this balancer, {line}{LAST}"


def test_a_member_marked_down_fails_although_it_answers() -> None:
    line = "node2 answers, but has not passed the health checks yet"
    assert judge({"node1": UP, "node2": UP}, ("node2",)) == f"seen from this balancer, {line}{LAST}"


@pytest.mark.parametrize("node2", [DOWN, Member(NONE, None)])
def test_a_dead_node_is_skipped_unless_required(node2: Member) -> None:
    assert judge({"node1": UP, "node2": node2}, required=False) is None
    assert "node2 gives no answer" in str(judge({"node1": UP, "node2": node2}, required=True))


def test_a_node_whose_other_color_answers_is_not_dead() -> None:
    assert "node2 gives no answer" in str(judge({"node1": UP, "node2": Member(NONE, GOOD)}, required=False))


def test_no_member_at_all_is_a_failure() -> None:
    assert judge({"node1": DOWN, "node2": DOWN}, required=False) == "no member answers"

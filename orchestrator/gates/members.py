"""Gate: a balancer reaches every expected node in a color, and the balancer's health checks call these nodes up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.facts.answers import Member


def judge(
    members: Mapping[str, Member],
    down: Iterable[str],
    expected: Iterable[str],
    release: str,
    required: bool,
) -> str | None:
    """Return None if the gate passes, otherwise one line that names the failing nodes.

    + members: node -> the answers of the node's two colors to requests from this balancer
    + down: nodes that the balancer's own health checks call down
    + expected: nodes that are checked
    + required: whether every expected node must pass. If False, a node that answers in neither color is skipped, but
      the gate fails if no node passes
    """
    wrong = []
    up = 0
    marked_down = set(down)
    for name in expected:
        member = members.get(name)
        if member is None:
            wrong.append(f"{name} was not asked")
            continue
        if not required and not member.answer.status and (member.other is None or not member.other.status):
            continue
        if member.answer.status != 200 or member.answer.release != release:
            wrong.append(f"{name} gives {member.answer}")
        elif name in marked_down:
            wrong.append(f"{name} answers, but has not passed the health checks yet")
        else:
            up += 1
    if wrong:
        return f"seen from this balancer, {', '.join(wrong)}; each must give status 200 from {release}"
    if not up:
        return "no member answers"
    return None

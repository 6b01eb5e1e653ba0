"""Gate: a balancer reaches a color on every expected node, and these nodes have passed the balancer's health checks."""

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
    """Return None if the gate passes. Otherwise return one line that names the failing nodes.

    A node passes if the color answers with status 200 from the release, and if the node is not in ``down``.

    + members: node -> the answers of the node's two colors to requests from this balancer
    + down: nodes that have failed the balancer's own health checks
    + expected: nodes to check
    + release: id of the release that must answer
    + required: True if every expected node must pass. False if nodes may be down: then a node on which neither color
      answers is skipped. At least one node must pass in any case
    """
    wrong = []
    up = 0
    marked_down = set(down)
    for name in expected:
        member = members.get(name)
        if member is None:
            wrong.append(f"{name} got no request")
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
        return f"seen from this balancer, {', '.join(wrong)}; each node must answer with status 200 from {release}"
    if not up:
        return "no member answers"
    return None

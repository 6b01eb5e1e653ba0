"""The color's own port, asked on the node: status, release, so many good answers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts.answers import Answer


def judge(answers: Sequence[Answer], release: str, successes: int) -> str | None:
    """None if the gate passes, else one line with the last answer."""
    for answer in answers:
        if answer.status != 200 or answer.release != release:
            return f"its health page gave {answer}, wanted status 200 from {release}"
    if len(answers) < successes:
        return f"only {len(answers)} of {successes} answers came"
    return None

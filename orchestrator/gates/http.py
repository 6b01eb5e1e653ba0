"""Gate: a color's health page, requested on the node itself, gives enough good answers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts.answers import Answer


def judge(answers: Sequence[Answer], release: str, successes: int) -> str | None:
    """Return None if there are enough answers and all are good, otherwise one line about the problem.

    A good answer has status 200 and names the release.

    + successes: number of good answers that are needed
    """
    for answer in answers:
        if answer.status != 200 or answer.release != release:
            return f"its health page gave {answer} instead of status 200 from {release}"
    if len(answers) < successes:
        return f"its health page gave only {len(answers)} of {successes} answers"
    return None

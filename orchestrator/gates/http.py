"""Gate: the health page of a color, requested on the node itself, gives only good answers."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts.answers import Answer


def judge(answers: Sequence[Answer], release: str, successes: int, why: str = "") -> str | None:
    """Return None if there are enough answers and all of them are good. Otherwise return one line about the problem.

    A good answer has status 200 and names the release in its header X-Release.

    + answers: answers of the health page
    + release: id of the release
    + successes: number of answers that are needed
    + why: the last error of PHP; empty if there is none
    """
    for answer in answers:
        if answer.status != 200 or answer.release != release:
            return f"its health page gave {answer} instead of status 200 from {release}" + (f": {why}" if why else "")
    if len(answers) < successes:
        return f"its health page gave only {len(answers)} of {successes} answers"
    return None

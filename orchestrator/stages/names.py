"""How the stages of one share of the traffic are named."""

from __future__ import annotations

from orchestrator.model import Weights
from orchestrator.plan.inputs import Inputs


def share(word: str, i: Inputs, weights: Weights) -> str:
    """``cutover 5%``, and plain ``cutover`` for all the traffic."""
    part = weights.share(i.color)
    return word if part == 100 else f"{word} {part}%"

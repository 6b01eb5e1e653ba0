"""Verify from outside, through every address of the switch: each answer of the data plane names its release."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Weights
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

VERIFY = Kind("verify", ("operator",), changes=False, hooks=True)


@dataclass(frozen=True)
class Verify(Action):
    """Ask every address of the switch until the answers name the right release.

    + other: while traffic is split, the release that has the rest of the traffic; else None
    + tolerant: whether requests without an answer do not count
    """

    name = "verify"
    handler = "orchestrator.run.handlers.verify:VerifyHandler"

    release: str
    other: str | None
    tolerant: bool


def verify(i: Inputs, weights: Weights) -> Stage:
    """Ask until only the new release answers; while traffic is split, until only the old and new releases answer."""
    split = weights.live is None
    # a rollback must work while nodes are down or frozen
    action = Verify(i.release, i.live if split else None, tolerant=i.verb == "rollback")
    steps = (Step(OPERATOR, action, i.settings.deadlines.verify + 5.0),)
    return Stage(VERIFY, steps, weight=weights.share(i.color))

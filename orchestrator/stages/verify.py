"""Verify from outside, through every address of the switch, that the right releases answer."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Weights
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

VERIFY = Kind("verify", ("operator",), changes=False, hooks=True)


@dataclass(frozen=True)
class Verify(Action):
    """Ask every address of the switch until the answers name the right release.

    + release: the release to which the run has moved traffic
    + other: the release that gets the rest of the traffic; None if all traffic has moved
    + tolerant: whether to ignore requests without an answer, since nodes may be down
    """

    name = "verify"
    handler = "orchestrator.run.handlers.verify:VerifyHandler"

    release: str
    other: str | None
    tolerant: bool


def verify(i: Inputs, weights: Weights) -> Stage:
    """Return the stage that asks the switch until only the new release answers.

    While traffic is split, only the old and the new release may answer, and the new release has to answer.
    """
    split = weights.live is None
    # a rollback must work while nodes are down or frozen
    action = Verify(i.release, i.live if split else None, tolerant=i.verb == "rollback")
    steps = (Step(OPERATOR, action, i.settings.deadlines.verify + 5.0),)
    return Stage(VERIFY, steps, weight=weights.share(i.color))

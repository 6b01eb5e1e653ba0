"""Send requests to every address of the switch, and verify that the right releases answer."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Weights
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

VERIFY = Kind("verify", ("operator",), changes=False, hooks=True)


@dataclass(frozen=True)
class Verify(Action):
    """Send requests to every address of the switch until the answers name the right releases.

    + release: the release to which the run has moved traffic
    + other: the release that gets the remaining traffic; None if all traffic has moved
    + tolerant: whether to ignore requests without an answer, because nodes may be down
    """

    name = "verify"
    handler = "orchestrator.run.handlers.verify:VerifyHandler"

    release: str
    other: str | None
    tolerant: bool


def verify(i: Inputs, weights: Weights) -> Stage:
    """Return the stage that sends requests to the switch until only the new release answers.

    While traffic is split, both the old and the new release may answer. The stage then waits until the new release has
    answered, and fails if a third release keeps answering.
    """
    split = weights.live is None
    # a rollback must work while nodes are down or frozen
    action = Verify(i.release, i.live if split else None, tolerant=i.verb == "rollback")
    steps = (Step(OPERATOR, action, i.settings.deadlines.verify + 5.0),)
    return Stage(VERIFY, steps, weight=weights.share(i.color))

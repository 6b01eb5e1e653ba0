"""Verify from outside, through every address of the switch: the data plane's own answers, each naming its release."""

from __future__ import annotations

from orchestrator.model import Weights
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

VERIFY = Kind("verify", ("operator",), changes=False, hooks=True)


def verify(i: Inputs, weights: Weights) -> Stage:
    """Until only the new release answers; while traffic is split, until both do and nobody else."""
    split = weights.live is None
    # back to the old release one has to be able to go with nodes that are down, or frozen
    action = Action(
        "verify", {"release": i.release, "other": i.live if split else None, "tolerant": i.verb == "rollback"}
    )
    steps = (Step(OPERATOR, action, i.settings.deadlines.verify + 5.0),)
    return Stage(VERIFY, steps, weight=weights.share(i.color))

"""One switch: all balancers at once give the idle color all the traffic."""

from __future__ import annotations

from orchestrator.model import Weights
from orchestrator.plan import OPERATOR, Action, Inputs, Place, Stage, Step


def cutover(i: Inputs) -> Stage:
    """Undone by the weights that were in force, verified again from outside."""
    return Stage(
        "cutover",
        _shift(i, Weights.all_to(i.color)),
        undo=(Stage("switch back", _shift(i, i.before)), _verify_back(i)),
    )


def _shift(i: Inputs, weights: Weights) -> tuple[Step, ...]:
    return tuple(
        Step(
            Place("balancer", balancer.name),
            Action("shift", {"kind": balancer.kind, "green": weights.green}),
            i.settings.deadlines.switch,
        )
        for balancer in i.balancers
    )


def _verify_back(i: Inputs) -> Stage:
    steps = (
        (Step(OPERATOR, Action("verify", {"release": i.live, "tolerant": True}), i.settings.deadlines.verify + 5.0),)
        if i.live
        else ()
    )
    return Stage("verify old", steps, changes=False)

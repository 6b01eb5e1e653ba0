"""Move traffic: all balancers at once give the new color its share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.config.cutover import CutoverStep
from orchestrator.model import Color, Weights
from orchestrator.plan.inputs import Inputs, SwitchInput
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step
from orchestrator.stages.arm import arm, arm_back, patience, whole
from orchestrator.stages.bake import bake
from orchestrator.stages.stick import attach, unstick
from orchestrator.stages.verify import Verify, verify

CUTOVER = Kind("cutover", ("balancer", "api", "node"), hooks=True)
SWITCH_BACK = Kind("switch back", ("balancer", "api", "node"))
VERIFY_OLD = Kind("verify old", ("operator",), changes=False)


@dataclass(frozen=True)
class Shift(Action):
    """Give green a share of the traffic.

    + kind: the switch's kind
    + green: per cent of the traffic for green; blue gets the rest
    + back: whether traffic moves back (rollback or undo), which has to work while nodes are down
    """

    name = "shift"
    handler = "orchestrator.run.handlers.shift:ShiftHandler"

    kind: str
    green: int
    back: bool


@dataclass(frozen=True)
class Fire(Action):
    """Check that an armed node pointed its ``live`` link to the color at the agreed instant."""

    name = "fire"
    handler = "orchestrator.run.handlers.fire:FireHandler"

    color: Color


def cutover(i: Inputs) -> tuple[Stage, ...]:
    """Make ready, shift, verify and bake for each share of the traffic. The last share is all of the traffic."""
    stages: list[Stage] = []
    for number, step in enumerate(shares(i)):
        weights = Weights.of(i.color, step.weight)
        moved = [arm(i, weights), shift(i, weights, first=number == 0), verify(i, weights), bake(i, weights, step.bake)]
        if step.weight == 100:
            moved.insert(3, unstick(i))
        moved = [stage for stage in moved if stage.do]
        if step.weight < 100:
            moved[-1] = replace(moved[-1], pause=str(step.weight))
        stages += moved
    return tuple(stages)


def shares(i: Inputs) -> list[CutoverStep]:
    """The cutover steps of the settings. A rollback and a first release move all the traffic in one step instead."""
    if i.verb != "release":
        return [CutoverStep(weight=100)]
    return list(i.settings.cutover) if i.live else [i.settings.cutover[-1]]


def shift(i: Inputs, weights: Weights, first: bool) -> Stage:
    """Move traffic to these weights.

    Only the first shift has an undo. It restores the weights from before the run and verifies them from outside.
    """
    undo = (arm_back(i), attach(i), Stage(SWITCH_BACK, _shift(i, i.before, back=True)), _verify_back(i))
    return Stage(
        CUTOVER,
        _shift(i, weights, back=i.verb == "rollback"),
        undo=tuple(stage for stage in undo if stage.do) if first else (),
        weight=weights.share(i.color),
    )


def _shift(i: Inputs, weights: Weights, back: bool) -> tuple[Step, ...]:
    return tuple(
        Step(switch.place, _action(switch, weights, back), i.settings.deadlines.switch + patience(i, switch))
        for switch in i.switches
    )


def _action(switch: SwitchInput, weights: Weights, back: bool) -> Action:
    if switch.at == "node":
        # the node is armed: the step only checks that the node swapped
        return Fire(whole(weights))
    return Shift(switch.kind, weights.green, back)


def _verify_back(i: Inputs) -> Stage:
    if i.live is None:
        return Stage(VERIFY_OLD, ())
    action = Verify(i.live, None, tolerant=True)
    return Stage(VERIFY_OLD, (Step(OPERATOR, action, i.settings.deadlines.verify + 5.0),))

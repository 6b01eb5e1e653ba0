"""Move traffic: all switches give the new color its share of the traffic at the same time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.model import Color, Weights
from orchestrator.plan.inputs import Inputs, SwitchInput
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step
from orchestrator.stages.arm import arm, arm_back, patience, whole
from orchestrator.stages.bake import bake
from orchestrator.stages.maintenance import open_again
from orchestrator.stages.stick import attach, detach_new, unstick
from orchestrator.stages.verify import Verify, verify
from orchestrator.stages.workers import start_workers

CUTOVER = Kind("cutover", ("balancer", "api", "node"), hooks=True)
SWITCH_BACK = Kind("switch back", ("balancer", "api", "node"))
VERIFY_OLD = Kind("verify old", ("operator",), changes=False, proves=True)


@dataclass(frozen=True)
class Shift(Action):
    """Give green a share of the traffic.

    + kind: the switch's kind, such as ``haproxy``
    + green: per cent of the traffic for green; blue gets the remaining traffic
    + back: whether the shift belongs to a rollback or an undo. Such a shift must succeed even if nodes are down
    """

    name = "shift"
    handler = "orchestrator.run.handlers.shift:ShiftHandler"

    kind: str
    green: int
    back: bool


@dataclass(frozen=True)
class Fire(Action):
    """Check that an armed node has pointed its ``live`` link to the color at the instant for which it was armed."""

    name = "fire"
    handler = "orchestrator.run.handlers.fire:FireHandler"

    color: Color


def cutover(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that move traffic: for each share of the traffic, arm, shift, verify and bake.

    The last share is 100%. With a sticky switch (``alb`` with stickiness), `unstick` then detaches the old color before
    the last bake.
    """
    stages: list[Stage] = []
    for number, step in enumerate(i.shares):
        weights = Weights.of(i.color, step.weight)
        first = number == 0
        moved = [_arm(i, weights, first), shift(i, weights, first), verify(i, weights)]
        if step.weight == 100:
            moved.append(unstick(i))
            moved += open_again(i)
        moved += [*start_workers(i, step.weight), bake(i, weights, step.bake)]
        moved = [stage for stage in moved if stage.do]
        if step.weight < 100:
            moved[-1] = replace(moved[-1], pause=str(step.weight))
        stages += moved
    return tuple(stages)


def _arm(i: Inputs, weights: Weights, first: bool) -> Stage:
    """Return the stage that makes every switch ready for a shift to these weights.

    If the nodes themselves are a switch, each node may change its ``live`` link from this stage on, until the undo of
    this stage has reset all links. Therefore the undo then ends with the requests that verify the old release.
    """
    stage = arm(i, weights)
    return replace(stage, undo=(*stage.undo, _verify_back(i))) if first and stage.undo else stage


def shift(i: Inputs, weights: Weights, first: bool) -> Stage:
    """Return the stage that sets these weights at every switch.

    Only the first shift has an undo. The undo restores the weights from before the run, and detaches the new color from
    a sticky switch, so that no client stays on the new color. If a release was live before the run, the undo then sends
    requests to the switch, and verifies that this release answers. If the nodes themselves are a switch, the undo of
    the stage `arm` sends these requests, after it has reset the links of the nodes.

    + first: whether this is the first shift of the run
    """
    verified = () if i.at("node") else (_verify_back(i),)
    undo = (arm_back(i), attach(i), Stage(SWITCH_BACK, _shift(i, i.before, back=True)), detach_new(i), *verified)
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
        # an armed node changes its link without another command, so the step only checks that the link has changed
        return Fire(whole(weights))
    return Shift(switch.kind, weights.green, back)


def _verify_back(i: Inputs) -> Stage:
    if i.live is None:
        return Stage(VERIFY_OLD, ())
    action = Verify(i.live, None, tolerant=True)
    return Stage(VERIFY_OLD, (Step(OPERATOR, action, i.settings.deadlines.verify + 5.0, i.no_traffic()),))

"""Make every switch ready before one of them moves: what would be refused is refused now."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config.switch import NodeSwitch
from orchestrator.facts.clock import ARMING
from orchestrator.model import Color, Weights
from orchestrator.plan.inputs import Inputs, SwitchInput
from orchestrator.plan.steps import Action, Kind, Stage, Step
from orchestrator.stages.promote import Promote

ARM = Kind("arm", ("balancer", "api", "node"), hooks=True, valid_until="cutover")
ARM_BACK = Kind("arm back", ("node",))
DISARM = Kind("disarm", ("node",))
LINK_BACK = Kind("link back", ("node",))


@dataclass(frozen=True)
class Arm(Action):
    """Arm a node to give its ``live`` link to a color, at the instant that all nodes agree on."""

    name = "arm"
    handler = "orchestrator.run.handlers.arm:ArmHandler"

    color: Color


@dataclass(frozen=True)
class Disarm(Action):
    """Keep an armed node from swapping."""

    name = "disarm"
    handler = "orchestrator.run.handlers.disarm:DisarmHandler"


@dataclass(frozen=True)
class Ready(Action):
    """Check that a switch would take these weights, without moving traffic.

    + kind: of the switch
    + green: per cent of the traffic that green would get
    + back: on the way back, which has to work while nodes are down
    """

    name = "ready"
    handler = "orchestrator.run.handlers.ready:ReadyHandler"

    kind: str
    green: int
    back: bool


def arm(i: Inputs, weights: Weights) -> Stage:
    """No traffic moves. Nodes that are switches themselves are armed to swap their link at one instant."""
    undo = (disarm(i), link_back(i)) if i.at("node") else ()
    return Stage(ARM, steps(i, weights, *i.switches), undo=undo, weight=weights.share(i.color))


def arm_back(i: Inputs) -> Stage:
    """Before an undo only nodes have to be made ready: the others shift without."""
    return Stage(ARM_BACK, steps(i, i.before, *i.at("node")))


def disarm(i: Inputs) -> Stage:
    """Keep armed nodes from swapping."""
    action = Disarm()
    return Stage(DISARM, tuple(Step(node.place, action, i.settings.deadlines.switch) for node in i.at("node")))


def link_back(i: Inputs) -> Stage:
    """Give the link back at once on nodes that swapped before they were disarmed: the nodes disagree until then."""
    action = Promote(i.color.other)
    return Stage(LINK_BACK, tuple(Step(node.place, action, i.settings.deadlines.switch) for node in i.at("node")))


def steps(i: Inputs, weights: Weights, *switches: SwitchInput) -> tuple[Step, ...]:
    """A step a switch."""
    return tuple(Step(switch.place, _action(i, switch, weights), i.settings.deadlines.switch) for switch in switches)


def patience(i: Inputs, switch: SwitchInput) -> float:
    """Seconds from arming a node until it has to have swapped; 0 for a switch that acts when it is told."""
    if switch.at != "node":
        return 0.0
    settings = next(one for one in i.settings.switches if isinstance(one, NodeSwitch))
    return settings.lead + settings.window + len(i.switches) * ARMING


def whole(weights: Weights) -> Color:
    """The color that a node's link can name: a node never has a part of the traffic in either color."""
    assert weights.live is not None
    return weights.live


def _action(i: Inputs, switch: SwitchInput, weights: Weights) -> Action:
    if switch.at == "node":
        return Arm(whole(weights))
    # a rollback must work while nodes are down
    return Ready(switch.kind, weights.green, back=i.verb == "rollback")

"""Make every switch ready before any switch moves, so that a switch that would refuse does so before traffic moves."""

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
    """Arm a node to point its ``live`` link to a color at the instant that all nodes agreed on."""

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
    """Check that a switch would accept these weights, without moving traffic.

    + kind: the switch's kind
    + green: per cent of the traffic that green would get
    + back: whether the run is a rollback, which has to work while nodes are down
    """

    name = "ready"
    handler = "orchestrator.run.handlers.ready:ReadyHandler"

    kind: str
    green: int
    back: bool


def arm(i: Inputs, weights: Weights) -> Stage:
    """Make all switches ready; no traffic moves. Nodes that are switches are armed to swap links at one instant."""
    undo = (disarm(i), link_back(i)) if i.at("node") else ()
    return Stage(ARM, steps(i, weights, *i.switches), undo=undo, weight=weights.share(i.color))


def arm_back(i: Inputs) -> Stage:
    """Make only nodes ready for an undo: the other switches can shift without it."""
    return Stage(ARM_BACK, steps(i, i.before, *i.at("node")))


def disarm(i: Inputs) -> Stage:
    """Keep armed nodes from swapping."""
    action = Disarm()
    return Stage(DISARM, tuple(Step(node.place, action, i.settings.deadlines.switch) for node in i.at("node")))


def link_back(i: Inputs) -> Stage:
    """Immediately reset the link of nodes that swapped before they were disarmed: until then the nodes disagree."""
    action = Promote(i.color.other)
    return Stage(LINK_BACK, tuple(Step(node.place, action, i.settings.deadlines.switch) for node in i.at("node")))


def steps(i: Inputs, weights: Weights, *switches: SwitchInput) -> tuple[Step, ...]:
    """One step per switch."""
    return tuple(Step(switch.place, _action(i, switch, weights), i.settings.deadlines.switch) for switch in switches)


def patience(i: Inputs, switch: SwitchInput) -> float:
    """Seconds from arming a node until it must have swapped; 0 for a switch that acts as soon as it gets a command."""
    if switch.at != "node":
        return 0.0
    settings = next(one for one in i.settings.switches if isinstance(one, NodeSwitch))
    return settings.lead + settings.window + len(i.switches) * ARMING


def whole(weights: Weights) -> Color:
    """The color with all the traffic, for a node's link: a node cannot split traffic between the colors."""
    assert weights.live is not None
    return weights.live


def _action(i: Inputs, switch: SwitchInput, weights: Weights) -> Action:
    if switch.at == "node":
        return Arm(whole(weights))
    # a rollback must work while nodes are down
    return Ready(switch.kind, weights.green, back=i.verb == "rollback")

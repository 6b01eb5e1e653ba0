"""Prove that every switch would accept the next shift. If a switch refuses, the run fails before this shift begins."""

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
    """Arm a node: at a given instant, which is the same for all nodes, the node points its ``live`` link to a color."""

    name = "arm"
    handler = "orchestrator.run.handlers.arm:ArmHandler"

    color: Color


@dataclass(frozen=True)
class Disarm(Action):
    """Disarm a node, so that the node does not change its ``live`` link at the instant for which it was armed."""

    name = "disarm"
    handler = "orchestrator.run.handlers.disarm:DisarmHandler"


@dataclass(frozen=True)
class Ready(Action):
    """Check that a switch would accept new weights, without moving traffic.

    + kind: the switch's kind, such as ``haproxy``
    + green: per cent of the traffic that green would get
    + back: whether the run is a rollback. In a rollback, the check passes even if nodes are down
    """

    name = "ready"
    handler = "orchestrator.run.handlers.ready:ReadyHandler"

    kind: str
    green: int
    back: bool


def arm(i: Inputs, weights: Weights) -> Stage:
    """Return the stage that makes every switch ready for a shift to these weights. No traffic moves yet.

    If the nodes themselves are the switch, this stage arms the nodes to change their ``live`` links at one instant. The
    undo then disarms the nodes and resets the links. With any other switch, the stage has no undo.
    """
    undo = (disarm(i), link_back(i)) if i.at("node") else ()
    return Stage(ARM, steps(i, weights, *i.switches), undo=undo, weight=weights.share(i.color))


def arm_back(i: Inputs) -> Stage:
    """Return the stage that arms the nodes to point their ``live`` links to the old color again.

    The stage is a part of an undo. It has steps only if the nodes themselves are the switch. Switches of other kinds
    need no preparation for the shift back.
    """
    return Stage(ARM_BACK, steps(i, i.before, *i.at("node")))


def disarm(i: Inputs) -> Stage:
    """Return the stage that disarms all nodes, so that no node changes its ``live`` link any more."""
    action = Disarm()
    return Stage(DISARM, tuple(Step(node.place, action, i.settings.deadlines.switch) for node in i.at("node")))


def link_back(i: Inputs) -> Stage:
    """Return the stage that points every node's ``live`` link to the old color again.

    Some nodes may have changed their links before they were disarmed. Until these links are reset, the nodes serve
    different releases. Therefore each node resets its link at once, without waiting for a common instant.
    """
    action = Promote(i.color.other)
    return Stage(LINK_BACK, tuple(Step(node.place, action, i.settings.deadlines.switch) for node in i.at("node")))


def steps(i: Inputs, weights: Weights, *switches: SwitchInput) -> tuple[Step, ...]:
    """Return one step for each switch. The step makes the switch ready for a shift to these weights."""
    return tuple(Step(switch.place, _action(i, switch, weights), i.settings.deadlines.switch) for switch in switches)


def patience(i: Inputs, switch: SwitchInput) -> float:
    """Return the seconds from the start of arming until an armed node must have changed its ``live`` link.

    With the switch ``node``, a process on each node waits for the moment of the change. Every other switch shifts at
    once: for it, return 0.
    """
    if switch.at != "node":
        return 0.0
    settings = next(one for one in i.settings.switches if isinstance(one, NodeSwitch))
    return settings.lead + settings.window + len(i.switches) * ARMING


def whole(weights: Weights) -> Color:
    """Return the color that gets all the traffic by these weights. A node's ``live`` link will name this color.

    Call this function only for a node that is a switch. Such a node cannot split traffic between the colors, so green's
    weight is always 0 or 100.
    """
    assert weights.live is not None
    return weights.live


def _action(i: Inputs, switch: SwitchInput, weights: Weights) -> Action:
    if switch.at == "node":
        return Arm(whole(weights))
    # a rollback must work while nodes are down
    return Ready(switch.kind, weights.green, back=i.verb == "rollback")

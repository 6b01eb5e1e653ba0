"""All nodes pass the gates, or no traffic moves."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

GATE = Kind("gate", ("node", "balancer", "api"), changes=False, hooks=True, each_batch=True, standing=True)
MEMBERS = Kind("members", ("balancer", "api", "node"), changes=False, hooks=True, standing=True)
GATE_FORMER = Kind("gate former", ("node",), changes=False)

# A gate ends by its own deadline and reports its last observation. The longer deadline of the step is for a place that
# does not answer at all.
SLACK = 10.0


@dataclass(frozen=True)
class Gate(Action):
    """Ask a color on its own node until it answers with the release."""

    name = "gate"
    handler = "orchestrator.run.handlers.gate:GateHandler"

    color: Color
    release: str


@dataclass(frozen=True)
class Members(Action):
    """Ask a switch until it reaches the color on its members.

    + required: whether all members must answer; if False, a node that answers for neither color does not count
    + nodes: the expected members
    """

    name = "members"
    handler = "orchestrator.run.handlers.members:MembersHandler"

    color: Color
    release: str
    required: bool
    nodes: tuple[str, ...]


def gate(i: Inputs) -> Stage:
    """Check that every node's idle color answers with the release, on the node itself and from every balancer."""
    node = Gate(i.color, i.release)
    nodes = (Step(place, node, _deadline(i)) for place in i.node_places)
    return Stage(GATE, (*nodes, *_members(i, required=True)))


def gate_nodes(i: Inputs) -> Stage:
    """Check the color on each node of the run, without the balancers, which cannot reach that color yet."""
    node = Gate(i.color, i.release)
    return Stage(GATE, tuple(Step(place, node, _deadline(i)) for place in i.node_places))


def members(i: Inputs) -> Stage:
    """Check the idle color from the switch, for a rollback: the nodes are not asked, so nodes may be down.

    A node that answers for neither color is down and does not count. A node that answers only for the color
    that has the traffic now fails the gate.
    """
    return Stage(MEMBERS, _members(i, required=False))


def gate_former(i: Inputs) -> Stage:
    """Check after an undo that the idle color answers with its former release again, on nodes that had one."""
    return Stage(
        GATE_FORMER,
        tuple(
            Step(
                Place("node", node.name),
                Gate(i.color, node.former),
                _deadline(i),
            )
            for node in i.nodes
            if node.former and node.former_active
        ),
    )


def _members(i: Inputs, required: bool) -> tuple[Step, ...]:
    action = Members(i.color, i.release, required, i.members)
    steps = tuple(Step(switch.place, action, _deadline(i)) for switch in i.at("balancer", "api"))
    if required:
        return steps
    # a node that is a switch itself is a member of no other switch, so the node is asked
    itself = Gate(i.color, i.release)
    return (*steps, *(Step(node.place, itself, _deadline(i)) for node in i.at("node")))


def _deadline(i: Inputs) -> float:
    return i.settings.gate.deadline + SLACK

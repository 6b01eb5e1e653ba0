"""Check every node and every load balancer before traffic moves. If one check fails, no traffic moves."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

GATE = Kind("gate", ("node", "balancer", "api"), changes=False, hooks=True, each_batch=True, standing=True)
MEMBERS = Kind("members", ("balancer", "api", "node"), changes=False, hooks=True, standing=True)
GATE_FORMER = Kind("gate former", ("node",), changes=False)
GATE_LIVE = Kind("gate live", ("node",), changes=False, skipped="there is no live release", hooks=True)

# Seconds by which a step's deadline is longer than the setting ``gate.deadline``. At ``gate.deadline``, the gate itself
# ends and reports its last observation. Only a place that does not answer at all reaches the step's deadline.
SLACK = 10.0


@dataclass(frozen=True)
class Gate(Action):
    """Wait until a color's health page names the release, and the color's processes run the release's code."""

    name = "gate"
    handler = "orchestrator.run.handlers.gate:GateHandler"

    color: Color
    release: str


@dataclass(frozen=True)
class Members(Action):
    """Wait until a switch reaches a color on all nodes to which the switch sends traffic (its members).

    + required: whether all members must answer. If False, nodes that answer in neither color are ignored
    + nodes: the names of the members
    """

    name = "members"
    handler = "orchestrator.run.handlers.members:MembersHandler"

    color: Color
    release: str
    required: bool
    nodes: tuple[str, ...]


def gate(i: Inputs) -> Stage:
    """Return the stage that checks that every node's idle color answers with the release.

    The run requests the color's health page on each node itself and from every balancer. For a switch behind an API,
    the run reads the results of the switch's own health checks.
    """
    node = Gate(i.color, i.release)
    nodes = (Step(place, node, _deadline(i)) for place in i.node_places)
    return Stage(GATE, (*nodes, *_members(i, required=True)))


def gate_nodes(i: Inputs) -> Stage:
    """Return the stage that checks the color on each node of the run, but not from the load balancers.

    A batch and a `join` use this stage. Load balancers check all nodes at once, which is possible only after the last
    batch. In a `join`, the load balancers cannot reach the barred node yet.
    """
    node = Gate(i.color, i.release)
    return Stage(GATE, tuple(Step(place, node, _deadline(i)) for place in i.node_places))


def members(i: Inputs) -> Stage:
    """Return the stage that checks the run's color only from the switches, for a rollback and the end of a `join`.

    Nodes may be down during a rollback. Therefore the run sends requests to a node itself only if the node is a switch.
    A node that answers in neither color is down, and the check ignores this node. A node that answers only in the other
    color is not down, so the check fails.
    """
    return Stage(MEMBERS, _members(i, required=False))


def gate_former(i: Inputs) -> Stage:
    """Return the stage that checks, in an undo, that the idle color runs its former release again.

    The stage leaves out a node if the idle color of the node did not run that release before the run.
    """
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


def gate_live(i: Inputs) -> Stage:
    """Return the stage that checks that the live release still answers on every node after the schema was changed."""
    steps = (Step(place, Gate(i.color.other, i.live), _deadline(i)) for place in i.node_places) if i.live else ()
    return Stage(GATE_LIVE, tuple(steps))


def _members(i: Inputs, required: bool) -> tuple[Step, ...]:
    action = Members(i.color, i.release, required, i.members)
    steps = tuple(Step(switch.place, action, _deadline(i)) for switch in i.at("balancer", "api"))
    if required:
        return steps
    # if a node is a switch, no other switch checks this node, so the run sends requests to the node itself
    itself = Gate(i.color, i.release)
    return (*steps, *(Step(node.place, itself, _deadline(i)) for node in i.at("node")))


def _deadline(i: Inputs) -> float:
    return i.settings.gate.deadline + SLACK

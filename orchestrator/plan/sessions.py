"""Decide in which releases of which nodes the command of ``orchestrator exec`` runs. All functions are pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.errors import Refused
from orchestrator.facts.node import NodeState
from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState


@dataclass(frozen=True)
class Session:
    """A command on one node.

    + node: name of the node
    + color: color whose release the command runs in
    + release: id of this release
    + live: whether this is the live release of the node
    """

    node: str
    color: Color
    release: str
    live: bool


def sessions(fleet: FleetState, nodes: Iterable[str], idle: bool, at_work: str = "") -> list[Session]:
    """Return where a command runs: one session for each node, in the order of the nodes.

    + nodes: names of the nodes
    + idle: whether the command runs in the release of the idle color. If not, the command runs in the live release.
    + at_work: one line that says which run is at work; empty if there is no such run

    Raises Refused if the command cannot run on one of the nodes. The message names all problems.
    """
    if idle and at_work:
        raise Refused(
            f"a run may change the release of the idle color now: {at_work}. Nothing was run; wait for its end"
        )
    found = [_session(fleet, node, idle) for node in nodes]
    if problems := [one for one in found if isinstance(one, str)]:
        raise Refused(f"nothing was run: {'; '.join(problems)}")
    return [one for one in found if isinstance(one, Session)]


def _session(fleet: FleetState, node: str, idle: bool) -> Session | str:
    """Return the session on a node, or one line that says why the command cannot run there."""
    state = fleet.nodes[node]
    if not isinstance(state, NodeState):
        return f"{node} {state}" if state == "cannot be reached" else f"{node}: {state}"
    if not state.provisioned:
        return f"{node} is not provisioned: run deploys/provision.py"
    if state.live is None:
        return f"{node} has no link `live`, so its live release is unknown: run deploys/status.py"
    if node in fleet.barred:
        return (
            f"{node} gets no traffic until it has joined, so its releases may be old: run deploys/join.py --data "
            f"node={node}, or choose another node"
        )
    color = state.live.other if idle else state.live
    release = state.release[color]
    if release is None:
        return f"{node} has no release in the {'idle' if idle else 'live'} color {color}: run deploys/release.py"
    if release < fleet.barrier:
        return (
            f"{node}: {color} has the release {release}, and no release older than {fleet.barrier} can run (contract)"
        )
    return Session(node, color, release, not idle)

"""Decide which nodes are drained before their configuration is loaded, and at which balancers.

All functions are pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState
from orchestrator.provision.members import out_at, takers


@dataclass(frozen=True)
class Drain:
    """How a node is drained.

    + serves: whether the node may get traffic
    + bar_at: names of the balancers that send no new requests to the node during the drain
    + alone: whether no other node gets traffic. Then the balancers still send requests to the node during the drain.
    """

    serves: bool
    bar_at: tuple[str, ...] = ()
    alone: bool = False

    @property
    def note(self) -> str:
        """A text about the drain for the operator; empty if the node gets no traffic."""
        if not self.serves:
            return ""
        alone = ", but not barred, because it is the only node" if self.alone else ""
        return f"the node serves traffic, so it is drained first{alone}"


def decide(
    state: FleetState, live: Color | None, served: Sequence[str], disturbed: Collection[str], balancers: Sequence[str]
) -> dict[str, Drain]:
    """Return how each node in ``disturbed`` is drained: node -> drain, in the order of ``served``.

    If a node was already barred or taken out at a balancer, the drain does not change this balancer.

    + state: the state of the fleet
    + live: the color that gets all the traffic; None if unknown
    + served: names of the nodes that may get traffic
    + disturbed: names of the nodes on which loading the configuration could fail requests
    + balancers: names of the balancers in the inventory
    """
    out, taking = out_at(state), takers(served, state, live)
    found = {}
    for name in served:
        if name in disturbed:
            at = tuple(one for one in balancers if name not in out.get(one, ()))
            alone = bool(at) and not set(taking) - {name}
            found[name] = Drain(bool(at) or not balancers, () if alone else at, alone)
    return found

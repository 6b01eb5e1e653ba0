"""The fleet as it was seen, for the decisions of the preflight."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator.facts.node import NodeState
from orchestrator.plan.steps import Where
from orchestrator.switches.base import Seen

if TYPE_CHECKING:
    from orchestrator.aws.scaling import Group

T = TypeVar("T")


@dataclass(frozen=True)
class FleetState:
    """The fleet as it was seen: a state, or one line that says why there is none. In inventory order.

    + kinds: where each switch is told (``balancer``, ``node``, ``api``), and its kind
    + addresses: how the balancers reach each node
    + group: the Auto Scaling group, None without ``scaling`` in the settings, or if nobody wants to know
    """

    nodes: Mapping[str, NodeState | str]
    switches: Mapping[str, Seen | str]
    kinds: Mapping[str, tuple[Where, str]]
    addresses: Mapping[str, str]
    group: Group | str | None = None

    @property
    def node_states(self) -> dict[str, NodeState]:
        return {name: state for name, state in self.nodes.items() if isinstance(state, NodeState)}

    @property
    def barred(self) -> set[str]:
        """Nodes that a balancer keeps out of both colors."""
        barred = {one for seen in self.seen.values() for one in seen.barred}
        return {name for name, address in self.addresses.items() if address in barred or name in barred}

    @property
    def drained(self) -> dict[str, str]:
        """Nodes that an operator has taken out of a balancer, and which."""
        return {node: name for name, seen in self.seen.items() for node in seen.out}

    @property
    def seen(self) -> dict[str, Seen]:
        return {name: seen for name, seen in self.switches.items() if isinstance(seen, Seen)}

    def without(self, nodes: Collection[str]) -> FleetState:
        """The same fleet without some nodes, as nodes and as switches."""

        def kept(known: Mapping[str, T]) -> dict[str, T]:
            return {name: value for name, value in known.items() if name not in nodes}

        return replace(self, nodes=kept(self.nodes), switches=kept(self.switches), kinds=kept(self.kinds))

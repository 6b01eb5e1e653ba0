"""The observed state of the fleet, from which the preflight decides."""

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
    """The observed state of each node and switch, or one line that says why it is unknown. In inventory order.

    + kinds: for each switch the place that receives its commands (``balancer``, ``node``, ``api``), and its kind
    + addresses: the address under which the balancers reach each node
    + group: the Auto Scaling group; None without ``scaling`` in the settings, or if it was not read
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
        """The nodes that a balancer keeps out of both colors."""
        barred = {one for seen in self.seen.values() for one in seen.barred}
        return {name for name, address in self.addresses.items() if address in barred or name in barred}

    @property
    def drained(self) -> dict[str, str]:
        """The nodes that an operator has taken out of a balancer, each with the name of that balancer."""
        return {node: name for name, seen in self.seen.items() for node in seen.out}

    @property
    def seen(self) -> dict[str, Seen]:
        return {name: seen for name, seen in self.switches.items() if isinstance(seen, Seen)}

    def without(self, nodes: Collection[str]) -> FleetState:
        """The same fleet without some nodes. A node that is a switch itself is removed as a switch as well."""

        def kept(known: Mapping[str, T]) -> dict[str, T]:
            return {name: value for name, value in known.items() if name not in nodes}

        return replace(self, nodes=kept(self.nodes), switches=kept(self.switches), kinds=kept(self.kinds))

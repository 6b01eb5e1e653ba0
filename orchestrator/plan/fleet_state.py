"""Define the observed state of the fleet. The preflight uses this state to decide whether a run may begin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from orchestrator.config.identity import Identity
from orchestrator.facts.node import NodeState
from orchestrator.plan.steps import Where
from orchestrator.switches.base import Seen

if TYPE_CHECKING:
    from orchestrator.aws.scaling import Group

T = TypeVar("T")


@dataclass(frozen=True)
class FleetState:
    """The observed state of all nodes and switches, in the order of the inventory.

    If the state of a node, a switch or the Auto Scaling group is unknown, its value is one line that says why.

    + nodes: node -> its state
    + switches: switch -> its state
    + kinds: switch -> the kind of place that receives the switch's commands (``balancer``, ``node``, ``api``), and the
      kind of the switch (such as ``haproxy``)
    + addresses: node -> the address under which the balancers reach the node
    + group: the state of the Auto Scaling group; None if the settings have no ``scaling``, or if the group was not read
    + wanted: host -> key of the setting -> digest of the setting's present value. Provisioning would write these
      digests on the host. Hosts that this tool does not provision are left out.
    + identity: the identity of the operator's inventory; None if unknown
    + hosts: names and addresses of all hosts of the operator's inventory
    """

    nodes: Mapping[str, NodeState | str]
    switches: Mapping[str, Seen | str]
    kinds: Mapping[str, tuple[Where, str]]
    addresses: Mapping[str, str]
    group: Group | str | None = None
    wanted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    identity: Identity | None = None
    hosts: frozenset[str] = frozenset()

    @cached_property
    def node_states(self) -> dict[str, NodeState]:
        """Node -> its state, for all nodes whose state is known."""
        return {name: state for name, state in self.nodes.items() if isinstance(state, NodeState)}

    @property
    def barred(self) -> set[str]:
        """The names of the nodes that at least one switch bars, and of the nodes in ``unlinked``."""
        barred = {one for seen in self.seen.values() for one in seen.barred}
        known = {name for name, address in self.addresses.items() if address in barred or name in barred}
        return known | self.unlinked

    @property
    def unlinked(self) -> set[str]:
        """The names of the provisioned nodes that are themselves a switch and have no ``live`` link.

        The live port of such a node answers 503, so the node gets no traffic and counts as barred.
        """
        switches = {name for name, (where, _) in self.kinds.items() if where == "node"}
        states = self.node_states.items()
        return {name for name, state in states if name in switches and state.provisioned and state.live is None}

    @property
    def drained(self) -> dict[str, str]:
        """Node -> the name of a switch from which an operator has removed this node. Other nodes are left out."""
        return {node: name for name, seen in self.seen.items() for node in seen.out}

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """Switch -> its state, for all switches whose state is known."""
        return {name: seen for name, seen in self.switches.items() if isinstance(seen, Seen)}

    @property
    def barrier(self) -> str:
        """The release of the latest contract: no older release may run any more. Empty if there was no contract."""
        return max((state.barrier for state in self.node_states.values()), default="")

    def without(self, nodes: Collection[str]) -> FleetState:
        """Return the state of the fleet without some nodes.

        If such a node is itself a switch, this switch is left out as well.

        + nodes: names of the nodes to leave out
        """

        def kept(known: Mapping[str, T]) -> dict[str, T]:
            return {name: value for name, value in known.items() if name not in nodes}

        return replace(self, nodes=kept(self.nodes), switches=kept(self.switches), kinds=kept(self.kinds))

"""Decide whether the hosts belong to another inventory, application or deployment. All functions are pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.config.identity import Identity
from orchestrator.plan.fleet_state import FleetState


def foreign(fleet: FleetState, replaced: frozenset[str] = frozenset()) -> list[str]:
    """Return one line for each other inventory, application or deployment to which hosts belong.

    Provisioning writes an identity file on each host. A host without this file was not provisioned, or was provisioned
    by an earlier version of this tool, which had no setting ``deployment``. Hosts with the same problem share a line.

    + replaced: names of the inventories whose place this inventory takes (``--data replaces=``)
    """
    ours = fleet.identity
    if ours is None:
        return []
    found: dict[str, list[str]] = {}
    for host, identity in _identities(fleet).items():
        for line in _lines(identity, ours, fleet.hosts, replaced):
            found.setdefault(line, []).append(host)
    return [f"{', '.join(hosts)}: {line}" for line, hosts in found.items()]


def _lines(found: Identity | None, ours: Identity, hosts: frozenset[str], replaced: frozenset[str]) -> Iterator[str]:
    """Yield at most one line, which names the other inventory, application or deployment to which a host belongs.

    + found: the identity that the host has; None if an earlier version of this tool provisioned the host
    + ours: the identity of the operator's inventory
    + hosts: names and addresses of all hosts of the operator's inventory
    + replaced: names of the inventories whose place the operator's inventory takes
    """
    if found is None:
        if ours.deployment:
            name = f"{ours.app}-{ours.deployment}"
            yield (f"the name {name} belongs to an application {name}: choose another name (setting deployment)")
    elif not found.is_same_deployment(ours):
        key = "deployment" if ours.deployment else "app"
        yield (f"the name of {ours.what} belongs to {found.what} already: choose another name (setting {key})")
    elif not found.is_same_inventory(ours, hosts) and found.inventory not in replaced:
        yield (
            f"{ours.what} belongs to the inventory {found.who}, and this inventory is {ours.who}: if both "
            "inventories are to share servers, give this inventory a different name on them (setting deployment, "
            f"such as staging). If this inventory takes the place of {found.inventory}, run deploys/provision.py "
            f"--data replaces={found.inventory}"
        )


def _identities(fleet: FleetState) -> Mapping[str, Identity | None]:
    """Return the identities of the provisioned hosts: host -> identity; None if the host has no identity file."""
    nodes = {name: state.identity for name, state in fleet.node_states.items() if state.provisioned or state.identity}
    balancers = {
        name: seen.identity
        for name, seen in fleet.seen.items()
        if fleet.kinds[name][0] == "balancer" and (seen.digests is not None or seen.identity)
    }
    return {**nodes, **balancers}

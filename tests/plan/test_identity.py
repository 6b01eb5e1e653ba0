"""Hosts that belong to another inventory, application or deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.config.identity import Identity
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.identity import foreign
from orchestrator.plan.inputs import Inputs
from tests.fakes.states import node
from tests.plan.test_preflight import fleet, join, problems, release, rollback, switch

PROD = Identity("shop", "", "prod", "lb1", "10.0.0.9")
STAGING = replace(PROD, inventory="staging", journal="lb2", address="10.0.0.8")
SECOND = replace(STAGING, deployment="staging")
OURS = frozenset({"node1", "node2", "lb1", "10.0.0.9"})


def seen(ours: Identity | None, *found: Identity | None, **balancer: Any) -> FleetState:
    """Two nodes and a balancer with these identities, as an inventory sees them."""
    of_node1, of_node2, of_balancer = found
    nodes = {"node1": node(identity=of_node1), "node2": node(identity=of_node2)}
    return replace(
        fleet(nodes, {"lb1": switch(identity=of_balancer, **balancer)}),
        identity=ours,
        hosts=OURS if ours is not None and ours.journal == "lb1" else frozenset({"lb2", "10.0.0.8"}),
    )


REFUSED = (
    "node1, lb1: the application shop belongs to the inventory prod (lock and journal: lb1), and this inventory "
    "is staging (lock and journal: lb2): if both inventories are to share servers, give this inventory a "
    "different name on them (setting deployment, such as staging). If this inventory takes the place of prod, run "
    "deploys/provision.py --data replaces=prod"
)


def test_hosts_of_the_inventory_and_new_hosts_are_no_problem() -> None:
    assert foreign(seen(PROD, PROD, PROD, PROD)) == []
    assert foreign(seen(PROD, None, PROD, None)) == []
    assert foreign(seen(None, STAGING, PROD, SECOND)) == []
    # with a deployment, hosts that were not provisioned
    new = {"node1": node(provisioned=False), "node2": node(provisioned=False)}
    state = replace(fleet(new), identity=SECOND)
    assert foreign(state) == []


def test_another_inventory_is_named_with_ours() -> None:
    assert foreign(seen(STAGING, PROD, None, PROD)) == [REFUSED]
    # a first provisioning that was killed has written the identity, and not much else
    unfinished = replace(fleet({"node1": node(provisioned=False, identity=PROD)}), identity=STAGING)
    assert [line.partition(":")[0] for line in foreign(unfinished)] == ["node1"]


def test_an_inventory_takes_the_place_of_another() -> None:
    state = seen(STAGING, PROD, PROD, PROD)
    assert foreign(state, frozenset({"prod"})) == []
    assert len(foreign(state, frozenset({"pro"}))) == 1


def test_names_that_two_applications_would_have_are_refused() -> None:
    application = Identity("shop-staging", "", "other", "lb1", "10.0.0.9")
    assert foreign(seen(replace(PROD, deployment="staging"), application, PROD, None)) == [
        "node1: the name of the deployment staging of shop belongs to the application shop-staging already: choose "
        "another name (setting deployment)",
        "node2: the name of the deployment staging of shop belongs to the application shop already: choose another "
        "name (setting deployment)",
    ]
    assert foreign(seen(application, replace(PROD, deployment="staging"), application, application)) == [
        "node1: the name of the application shop-staging belongs to the deployment staging of shop already: choose "
        "another name (setting app)"
    ]
    # not even if the inventory takes the place of another
    assert foreign(
        seen(application, replace(PROD, deployment="staging"), application, application), frozenset({"prod"})
    )


def test_a_host_of_an_earlier_version_has_no_deployments() -> None:
    ours = replace(PROD, deployment="staging")
    assert foreign(seen(ours, None, None, None, digests={"app": "a"})) == [
        "node1, node2, lb1: the name shop-staging belongs to an application shop-staging: choose another name (setting "
        "deployment)"
    ]


@pytest.mark.parametrize("verb", [release, rollback, join])
def test_runs_on_hosts_of_another_inventory_are_refused(verb: Callable[[FleetState], Inputs]) -> None:
    state = seen(STAGING, PROD, None, PROD)
    if verb is join:
        state = replace(state, switches={"lb1": switch(identity=PROD, barred=("10.0.0.2",))})
    assert REFUSED in problems(lambda: verb(state))

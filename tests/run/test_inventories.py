"""Runs of an inventory on hosts that another inventory has provisioned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator import verbs
from orchestrator.config.identity import Identity
from orchestrator.errors import Refused
from orchestrator.options import Options
from orchestrator.verbs.session import close_to_older_runs
from tests.fakes.world import World

OTHER = Identity("shop", "", "prod", "lb9", "10.9.9.9")


def identify(world: World, identity: Identity, *names: str) -> None:
    """Give hosts an identity, as provisioning does."""
    for name in names:
        (world.digests(name).parent / "inventory").write_text(identity.text)


def fences(world: World) -> dict[str, str]:
    files = {name: world.root(name) / "guard/fence" for name in world.nodes}
    files |= {name: world.path / name / "var/lib/orchestrator/shop/guard/fence" for name in world.balancers}
    return {name: file.read_text() for name, file in files.items() if file.exists()}


def test_another_inventory_is_refused_and_changes_nothing(released: World) -> None:
    identify(released, OTHER, "node1", "node2", "haproxy")
    before, known = released.snapshot(), fences(released)
    for verb in (verbs.release, verbs.rollback):
        with pytest.raises(Refused) as refused:
            verb(released.fleet(), Options())
        assert (
            "node1, node2, haproxy: the application shop belongs to the inventory prod (lock and journal: lb9)"
            in str(refused.value)
        )
    assert released.snapshot() == before
    # a run of the other inventory may be at work, and a higher fence would end it
    after = fences(released)
    assert {name: after[name] for name in ("node1", "node2", "haproxy")} == {
        name: known[name] for name in ("node1", "node2", "haproxy")
    }
    assert int(after["node3"]) > int(known["node3"])


@pytest.mark.exhaustive
def test_the_inventory_itself_goes_on(released: World) -> None:
    fleet = released.fleet()
    identify(released, fleet.identity, *released.nodes, *released.balancers)
    assert verbs.release(fleet, Options(ref="v1")) == 0


@pytest.mark.exhaustive
def test_the_status_names_the_other_inventory(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    identify(released, OTHER, "nginx")
    assert verbs.VERBS["status"](released.fleet(), Options()) == 0
    assert "INVENTORY    nginx: the application shop belongs to the inventory prod" in capsys.readouterr().out


def test_a_host_that_knows_a_former_place_of_the_lock_obeys(released: World) -> None:
    fleet = released.fleet()
    moved = replace(fleet.identity, journal="node2", address="node2")
    identify(released, moved, "node1", "node3", "nginx")
    assert set(close_to_older_runs(fleet, 100).hosts) == {*released.nodes, *released.balancers}
    assert {fence.strip() for fence in fences(released).values()} == {"100"}


def test_no_command_names_all_hosts(released: World) -> None:
    fleet = released.fleet()
    identify(released, fleet.identity, *released.nodes, *released.balancers)
    released.commands.clear()
    closed = close_to_older_runs(fleet, 100)
    assert set(closed.hosts) == {name for name, _ in released.commands} == {*released.nodes, *released.balancers}
    assert not any("node2" in command for _, command in released.commands)

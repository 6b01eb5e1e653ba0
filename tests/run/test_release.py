"""The whole release on ``@fake`` hosts: real scripts, real git, fakes for the services."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import Refused, UsageError
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World


def release(world: World, ref: str = "v1") -> int:
    return verbs.release(world.fleet(), Options(ref=ref))


def rollback(world: World) -> int:
    return verbs.rollback(world.fleet(), Options())


def test_a_release_moves_every_node_and_every_balancer(world: World) -> None:
    assert release(world) == 0
    assert [world.weight(balancer) for balancer in world.balancers] == [100, 100]
    releases = {world.release(node, Color.green) for node in world.nodes}
    assert len(releases) == 1
    assert None not in releases
    assert {world.live(node) for node in world.nodes} == {"green"}
    index = world.root("node1") / "green/release/public/index.php"
    assert index.read_text() == "<?php echo 'v1';\n"
    assert (world.root("node1") / "green/release/storage").resolve() == world.root("node1") / "shared/storage"


@pytest.mark.exhaustive
def test_release_release_rollback_rollback(world: World) -> None:
    assert release(world, "v1") == 0
    assert release(world, "v2") == 0
    assert [world.weight(balancer) for balancer in world.balancers] == [0, 0]
    first, second = world.release("node1", Color.green), world.release("node1", Color.blue)
    assert rollback(world) == 0
    assert [world.weight(balancer) for balancer in world.balancers] == [100, 100]
    assert (world.release("node1", Color.green), world.release("node1", Color.blue)) == (first, second)
    assert rollback(world) == 0
    assert {world.live(node) for node in world.nodes} == {"blue"}
    assert world.releases("node1") == [first, second]


@pytest.mark.exhaustive
def test_rollback_without_a_former_release_is_refused(world: World) -> None:
    assert release(world) == 0
    before = world.snapshot()
    with pytest.raises(Refused, match="nothing to go back to: blue never had a release"):
        rollback(world)
    assert world.snapshot() == before


def test_an_unusable_ca_file_is_refused_before_the_run_begins(world: World) -> None:
    settings = load({**world.settings, "probe": {"enabled": False, "ca": "/none/ca.pem"}})
    with pytest.raises(UsageError, match=r"^CA file /none/ca\.pem cannot be used"):
        verbs.release(world.fleet(settings), Options(ref="v1"))
    assert world.releases("node1") == []


def test_unknown_ref_is_refused_and_changes_nothing(world: World) -> None:
    before = world.snapshot()
    with pytest.raises(UsageError, match="no branch or tag v9"):
        release(world, "v9")
    assert world.snapshot() == before


def broken() -> list[Any]:
    """The faults: every node, broken in both ways. `make test` takes one of each kind."""
    quick = (("node2", "health"), ("node1", "restart"))
    every = [(node, what) for node in ("node1", "node2", "node3") for what in ("health", "restart")]
    return [pytest.param(*one, marks=pytest.mark.exhaustive if one in quick else pytest.mark.slow) for one in every]


@pytest.mark.parametrize(("node", "what"), broken())
def test_one_broken_node_keeps_all_traffic_where_it_is(released: World, node: str, what: str) -> None:
    released.break_(node, what)
    assert release(released, "v1") != 0
    assert [released.weight(balancer) for balancer in released.balancers] == [0, 0]
    released.mend(node)
    # the next command undoes what could not be undone while the node was broken
    assert rollback(released) == 0
    assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]
    assert len(released.releases(node)) == 2


@pytest.mark.exhaustive
def test_one_balancer_that_refuses_takes_the_other_back(released: World) -> None:
    before = released.snapshot()
    released.break_("haproxy", "set")
    assert release(released, "v2") == 1
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_an_unreachable_node_refuses_a_release_not_a_rollback(released: World) -> None:
    before = released.snapshot()
    released.down.add("node2")
    (released.path / "node2/unreachable").touch()
    with pytest.raises(Refused, match="node2: cannot be reached"):
        release(released, "v1")
    assert released.snapshot() == before
    assert rollback(released) == 0
    assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]


@pytest.mark.exhaustive
def test_old_releases_are_pruned_but_never_the_two_warm_ones(world: World) -> None:
    for ref in ("v1", "v2", "v1", "v2", "v1"):
        assert release(world, ref) == 0
    kept = world.releases("node1")
    assert len(kept) == 3
    assert {world.release("node1", color) for color in Color} <= set(kept)


@pytest.mark.exhaustive
def test_a_release_that_a_process_still_uses_is_not_pruned(released: World) -> None:
    oldest = released.release("node2", Color.green)
    (released.path / "node2/used").write_text(f"{oldest}\n")
    for ref in ("v1", "v2"):
        assert release(released, ref) == 0
    assert oldest in released.releases("node2")
    assert oldest not in released.releases("node1")

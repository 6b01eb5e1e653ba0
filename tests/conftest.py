"""The order of all tests, and the process that runs each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.engines.servers import FIXTURES, database, mariadb, postgres, server

__all__ = ["database", "mariadb", "postgres", "server"]

ROOT = Path(__file__).parents[1]
FLEET_TESTS = ROOT / "tests" / "fleet"

OWN = ("test_applications", "test_laravel_queue", "test_upgrade", "test_traced", "test_mixed")
"""Files whose tests have fleets of their own. One process runs them all."""

SECOND = (
    "test_applications_side_by_side",
    "test_provision",
    "test_preload",
    "test_soak",
    "test_build",
    "test_web_user",
    "test_many",
    "test_clients",
    "test_node_switch",
    "test_servers",
    "test_sources",
    "test_switches",
    "test_workers",
    "test_schedule",
    "test_own_web_user",
    "test_random_provisionings",
)
"""Files whose tests run on a second fleet, in this order. Most provision the fleet in another shape."""


def fleet_of(path: Path) -> str | None:
    """Return the group of tests to which a file belongs; None for a file whose tests need no fleet."""
    if not path.is_relative_to(FLEET_TESTS):
        return None
    if path.stem in OWN:
        return "own"
    return "second" if path.stem in SECOND else "first"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a docker fleet or database servers, and order all tests.

    The tests of the first fleet come first: the other processes run tests without a fleet meanwhile. The second fleet
    and the files with fleets of their own come half-way. By then the images are built, and tests without a fleet are
    left to run beside them.
    """
    groups: dict[str | None, list[pytest.Item]] = {"first": [], "second": [], "own": [], None: []}
    for item in items:
        fleet = fleet_of(item.path)
        if fleet:
            item.add_marker(pytest.mark.fleet)
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            # make unit needs no database servers
            item.add_marker(pytest.mark.exhaustive)
        groups[fleet].append(item)
    groups["second"].sort(key=lambda item: SECOND.index(item.path.stem))
    others = groups[None]
    half = len(others) // 2
    items[:] = [*groups["first"], *others[:half], *groups["second"], *groups["own"], *others[half:]]


class OneProcessAFleet(LoadScopeScheduling):
    """Gives all tests of a fleet to one process, and every other test to any process."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        """The group of a test. One process runs a whole group."""
        return fleet_of(ROOT / nodeid.partition("::")[0]) or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Distribute tests by `OneProcessAFleet` with ``--dist loadgroup``."""
    return OneProcessAFleet(config, log) if config.getvalue("dist") == "loadgroup" else None

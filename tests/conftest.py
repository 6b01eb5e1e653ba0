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
"""Files whose tests have fleets of their own. In `make test`, one process runs them all."""

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


LONGEST = ("test_provision_crash_points", "test_schema", "test_crash_points")
"""Files that take longer than other files with as many tests."""


def takes_all(config: pytest.Config) -> bool:
    """Whether no test is left out because of its mark, as in `make test-all`."""
    return not config.getoption("markexpr")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need a docker fleet or database servers, and order all tests.

    In `make test`, the tests of the first fleet come first: the other processes run tests without a fleet meanwhile.
    The second fleet and the files with fleets of their own come half-way. By then the images are built, and tests
    without a fleet are left to run beside them.

    In `make test-all`, each process has a fleet. The files with fleet tests come first, and the longest of them before
    the others, so that at the end no process waits long for another one.
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
    if takes_all(config):
        items[:] = [*longest_first([*groups["first"], *groups["second"], *groups["own"]]), *others]
        return
    half = len(others) // 2
    items[:] = [*groups["first"], *others[:half], *groups["second"], *groups["own"], *others[half:]]


def longest_first(tests: list[pytest.Item]) -> list[pytest.Item]:
    """Return fleet tests file by file, the longest file first."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in tests:
        files.setdefault(item.path, []).append(item)

    def length(path: Path) -> tuple[bool, int]:
        return path.stem in LONGEST, len(files[path])

    return [item for path in sorted(files, key=length, reverse=True) for item in files[path]]


class OneProcessAFleet(LoadScopeScheduling):
    """Gives all tests of a fleet to one process, and every other test to any process.

    In `make test-all`, each process has a fleet, so the tests of a file go to one process.
    """

    @override
    def _split_scope(self, nodeid: str) -> str:
        """The group of a test. One process runs a whole group."""
        path = ROOT / nodeid.partition("::")[0]
        group = fleet_of(path)
        if group and takes_all(self.config):
            return path.stem
        return group or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Distribute tests by `OneProcessAFleet` with ``--dist loadgroup``."""
    return OneProcessAFleet(config, log) if config.getvalue("dist") == "loadgroup" else None

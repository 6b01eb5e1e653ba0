"""The order of all tests, and the process that runs each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

FLEET_TESTS = Path(__file__).parent / "fleet"

APPLICATIONS = "test_applications"
"""The file whose tests have their own fleet."""

SHAPED = ("test_provision", "test_preload", "test_soak", "test_build", "test_many", "test_clients", "test_node_switch")
"""Files that provision the shared fleet in another shape. They run last, files of the same shape side by side."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below tests/fleet, which needs the docker fleet, and order all tests.

    The tests of the shared fleet come first: another process runs everything else meanwhile. The applications, which
    take long, come half-way: images are built by then, and there is still something left to run beside them.
    """
    shared: list[pytest.Item] = []
    applications: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        if not item.path.is_relative_to(FLEET_TESTS):
            others.append(item)
            continue
        item.add_marker(pytest.mark.fleet)
        (applications if item.path.stem == APPLICATIONS else shared).append(item)
    shared.sort(key=lambda item: SHAPED.index(item.path.stem) if item.path.stem in SHAPED else -1)
    half = len(others) // 2
    items[:] = [*shared, *others[:half], *applications, *others[half:]]


class OneFleet(LoadScopeScheduling):
    """Gives all tests of the shared fleet to one process, and every other test to any process."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        """The group of a test. One process runs a whole group."""
        file = nodeid.partition("::")[0]
        if "/fleet/" not in file:
            return nodeid
        return APPLICATIONS if Path(file).stem == APPLICATIONS else "fleet"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Distribute tests by `OneFleet` with ``--dist loadgroup``."""
    return OneFleet(config, log) if config.getvalue("dist") == "loadgroup" else None

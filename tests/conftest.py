"""What all tests have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

FLEET_TESTS = Path(__file__).parent / "fleet"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below tests/fleet: it needs the docker fleet."""
    for item in items:
        if item.path.is_relative_to(FLEET_TESTS):
            item.add_marker(pytest.mark.fleet)

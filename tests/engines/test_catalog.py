"""Reading the schema leaves the session as it was, even if a query gives up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.engines.postgres_catalog import read


def test_a_reading_that_gives_up_restores_the_search_path() -> None:
    path = ["app, public"]

    def rows(query: str) -> Sequence[Sequence[Any]]:
        if query.startswith("SELECT current_setting"):
            return [[path[-1]]]
        if query.startswith("SELECT set_config"):
            path.append(query.split("'")[3])
            return [[path[-1]]]
        raise TimeoutError("canceling statement due to lock timeout")

    with pytest.raises(TimeoutError):
        read(rows)
    assert path == ["app, public", "", "app, public"]

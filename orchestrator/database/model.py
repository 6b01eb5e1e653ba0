"""Engines and phases."""

from __future__ import annotations

import re
from enum import StrEnum


class Engine(StrEnum):
    """The database server that runs the statements."""

    POSTGRES = "postgres"
    MARIADB = "mariadb"
    MYSQL = "mysql"

    @property
    def dialect(self) -> str:
        """The name of the engine's dialect in sqlglot."""
        return "postgres" if self is Engine.POSTGRES else "mysql"


class Phase(StrEnum):
    """When the statements of a file run. docs/database.md explains the phases.

    + EXPAND: before the cutover, while the old code serves all requests
    + BACKFILL: after expand, in batches
    + CHECK: a query that counts the rows that backfill has not reached
    + CONTRACT: after no process of the old code is left
    """

    EXPAND = "expand"
    BACKFILL = "backfill"
    CHECK = "check"
    CONTRACT = "contract"


def phase_of(name: str) -> Phase | None:
    """Return the phase that the name of a file says, or None if the name says no phase.

    + name: name of a file, such as ``0007_total.contract.sql``
    """
    said = re.search(r"\.(expand|backfill|check|contract)\.sql$", name)
    return Phase(said[1]) if said else None

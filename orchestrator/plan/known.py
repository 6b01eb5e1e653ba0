"""Find out from the journal which run has last changed the schema of the database. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.database.known import Known, key
from orchestrator.journal.history import history_of
from orchestrator.journal.records import Json

PHASES = ("contract", "expand")
"""The stages that change the schema."""


def last_change(runs: Sequence[Sequence[Json]], name: str = "") -> Known | None:
    """Return the last run that has changed the schema and has marked the database; None if there is no such run.

    A run that failed while the schema changed does not count, because its mark may be missing.

    + runs: the records of each run in the journal, oldest run first
    + name: the name of the database; empty for the section ``database``
    """
    for run in map(history_of, reversed(runs)):
        inputs = run.inputs or {}
        database = inputs.get("database")
        if not isinstance(database, Mapping) or not _marks(database, name):
            continue
        for phase in PHASES:
            if f"{phase} {name}".rstrip() in run.done:
                return Known(key(phase, name, str(database.get("run"))), phase, str(inputs.get("release")), run.at)
    return None


def _marks(database: Mapping[str, object], name: str) -> bool:
    marked = database.get("marked")
    return isinstance(marked, list) and name in marked if name else database.get("marks") is True

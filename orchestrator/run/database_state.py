"""Reads the marks of the database, and compares them with the journal."""

from __future__ import annotations

from pyinfra.api.host import Host

from orchestrator.database.known import Known
from orchestrator.fleet import Fleet
from orchestrator.run.schema_lock import database_url, name_in_marks, session_at

DEADLINE = 30.0
"""Seconds that the look at the database may take."""


def database_lines(fleet: Fleet, known: Known | None) -> list[str]:
    """Return lines about the database: the last change of the schema, and how the database differs from the journal.

    Return an empty list if the settings have no ``database.url``, or if no node can be reached.

    + known: the last run of the journal that has changed the schema; None if there is none
    """
    node = next((name for name in fleet.nodes if fleet.host(name).connected), None)
    if node is None or fleet.settings.database is None or fleet.settings.database.url is None:
        return []
    reply = fleet.one(node, lambda host: _lines(fleet, host, known), DEADLINE)
    return [f"unknown: {reply.error}"] if reply.value is None else reply.value


def _lines(fleet: Fleet, host: Host, known: Known | None) -> list[str]:
    # only these modules need the parser of SQL, whose import takes a while
    from orchestrator.engines.ledger import Ledger
    from orchestrator.migrate.marks import changed_by_hand, difference, last_mark

    url = database_url(fleet)
    assert url is not None
    with session_at(host, url) as session:
        ledger = Ledger(session, "")
        said = [last_mark(ledger), difference(ledger, known, name_in_marks(fleet)), changed_by_hand(ledger)]
    return [line for line in said if line]

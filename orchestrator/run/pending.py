"""Finds out whether contract files of the live release have not run, before a release begins."""

from __future__ import annotations

from pyinfra.api.host import Host

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.run.schema_lock import database_url, session_at

DEADLINE = 60.0
"""Seconds that the look at the files and at the database may take."""


def pending_contracts(fleet: Fleet, node: str, live: str) -> list[str]:
    """Return the names of the contract files of the live release that have not run. Change nothing.

    A file does not count while the expand file of the same change is not done.

    + node: name of the node that has the files, and through which the connection to the database goes
    + live: the live release

    Raises Refused if the node or the database does not answer.
    """
    reply = fleet.one(node, lambda host: _names(fleet, host, live), DEADLINE)
    if reply.value is None:
        raise Refused(
            f"{node}: it is unknown whether a contract must run first (database.pending): {reply.error}. Correct the "
            'cause, or set database.pending to "refuse"'
        )
    return reply.value


def _names(fleet: Fleet, host: Host, live: str) -> list[str]:
    # only these modules need the parser of SQL, whose import takes a while
    from orchestrator.database.ledger import pending
    from orchestrator.database.model import Phase
    from orchestrator.engines.ledger import Ledger
    from orchestrator.run.sql_files import sql_files

    url = database_url(fleet)
    assert url is not None
    changes = sql_files(fleet, host, live, must=False)
    with session_at(host, url) as session:
        found = pending(changes, Ledger(session, "").rows(), session.engine, live=True)
    return [one.files[Phase.CONTRACT].name for one in found]

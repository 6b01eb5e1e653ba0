"""Finds out whether contract files of the live release have not run, before a release begins."""

from __future__ import annotations

from pyinfra.api.host import Host

from orchestrator.config.database import key_of
from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.run.schema_lock import database_url, session_at

DEADLINE = 60.0
"""Seconds that the look at the files and at the database may take."""


def pending_contracts(fleet: Fleet, node: str, live: str, name: str = "") -> list[str]:
    """Return the names of the contract files of the live release that have not run. Change nothing.

    A file does not count while the expand file of the same change is not done.

    + node: name of the node that has the files, and through which the connection to the database goes
    + live: the live release
    + name: the name of the database; empty for the section ``database``

    Raises Refused if the node or the database does not answer.
    """
    reply = fleet.one(node, lambda host: _names(fleet, host, live, name), DEADLINE)
    if reply.value is None:
        raise Refused(
            f"{node}: it is unknown whether a contract must run first ({key_of(name)}.pending): {reply.error}. Correct "
            f'the cause, or set {key_of(name)}.pending to "refuse"'
        )
    return reply.value


def _names(fleet: Fleet, host: Host, live: str, name: str) -> list[str]:
    # only these modules need the parser of SQL, whose import takes a while
    from orchestrator.database.ledger import pending
    from orchestrator.database.model import Phase
    from orchestrator.engines.ledger import Ledger
    from orchestrator.run.sql_files import sql_files

    url = database_url(fleet, name)
    assert url is not None
    changes = sql_files(fleet, host, live, must=False, name=name)
    with session_at(host, url) as session:
        found = pending(changes, Ledger(session, "").rows(), session.engine, live=True)
    return [one.files[Phase.CONTRACT].name for one in found]

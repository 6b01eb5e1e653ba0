"""Reads the marks of the database, and compares them with the journal.

The verb ``status`` prints the result, also in an emergency. Therefore nothing here takes a lock, runs a command on the
operator's machine, or waits for long: a database that is down costs at most DEADLINE seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api.host import Host

from orchestrator.config.database import key_of, named
from orchestrator.database.known import Known, differs, last_mark
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import OrchestratorError
from orchestrator.fleet import Fleet
from orchestrator.run.schema_lock import database_url, name_in_marks, session_at

DEADLINE = 12.0
"""Seconds that the look at the database may take. A server that does not answer counts as unreachable after 10 s."""


def database_lines(fleet: Fleet, known: Known | None, name: str = "") -> list[str]:
    """Return lines about a database: the last change of the schema, and how the database differs from the journal.

    Return an empty list if the settings have no URL of the database, or if no node can be reached.

    + known: the last run of the journal that has changed the schema; None if there is none
    + name: the name of the database; empty for the section ``database``
    """
    node = next((one for one in fleet.nodes if fleet.host(one).connected), None)
    said = fleet.settings.all_databases[name].url
    if node is None or said is None:
        return []
    try:
        variables, needing = fleet.variables.without_commands()
        if hidden := sorted(needing & named(said)):
            return [
                f"not read, because {key_of(name)}.url needs {', '.join(hidden)} from environment.commands, and status "
                "runs no commands: run orchestrator db status"
            ]
        url = database_url(fleet, name, known=variables)
    except OrchestratorError as error:
        return [f"unknown: {error}"]
    assert url is not None
    reply = fleet.one(node, lambda host: list(_lines(fleet, host, url, known)), DEADLINE)
    return [f"unknown: {reply.error}"] if reply.value is None else reply.value


def _lines(fleet: Fleet, host: Host, url: DatabaseUrl, known: Known | None) -> Iterator[str]:
    # only these modules need the parser of SQL, whose import takes a while
    from orchestrator.engines.ledger import Ledger
    from orchestrator.migrate.marks import by_hand_now

    with session_at(host, url) as session:
        marks = Ledger(session, "").marks()
        for line in (last_mark(marks), differs(known, marks, name_in_marks(fleet)), by_hand_now(session, marks)):
            if line:
                yield line

"""Hold the lock of a database while a run changes its schema."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from pyinfra.api.host import Host

from orchestrator.config.database import filled, key_of
from orchestrator.engines import connect, require
from orchestrator.engines.base import SCHEMA_LOCK, Connection
from orchestrator.engines.url import DatabaseUrl, read
from orchestrator.errors import CommandFailed, OrchestratorError, UsageError
from orchestrator.fleet import Fleet
from orchestrator.tunnel import tunnel


def database_url(
    fleet: Fleet, name: str = "", key: Literal["url", "shadow"] = "url", known: Mapping[str, str] | None = None
) -> DatabaseUrl | None:
    """Return the URL of a database; None if the settings have no URL of this database.

    Raises UsageError if the URL cannot be read, or if a variable that the URL names does not exist.

    + name: the name of the database; empty for the section ``database``
    + key: the setting that has the URL, such as ``url`` for ``database.url``
    + known: the variables of the release's environment; None to read them, which may run commands on this machine
    """
    database = fleet.settings.all_databases.get(name)
    said = getattr(database, key) if database else None
    if said is None:
        return None
    variables, setting = {**os.environ, **(fleet.variables.read() if known is None else known)}, f"{key_of(name)}.{key}"
    url = read(filled(said, variables, setting), variables)
    fleet.mask.add([url.password])
    if url.socket:
        raise UsageError(f"settings: {setting}: name the host and the port of the server, not a Unix socket")
    return url


def name_in_marks(fleet: Fleet) -> str:
    """Return the application, the inventory and the place of the journal, as the marks in the database name them."""
    mine = fleet.identity
    return f"{fleet.settings.name} {mine.inventory} (journal {' '.join(filter(None, (mine.journal, mine.address)))})"


def check_databases(fleet: Fleet) -> None:
    """Raise UsageError if a URL of a database cannot be read, or if the package for its server is missing."""
    for name in fleet.settings.all_databases:
        for url in (database_url(fleet, name), database_url(fleet, name, "shadow")):
            if url is not None:
                require(url.engine)


@contextmanager
def session_at(host: Host, url: DatabaseUrl) -> Iterator[Connection]:
    """Open a session at the database during the ``with`` block, through the SSH connection of the host.

    Raises an OrchestratorError if the database does not accept the session.
    """
    with tunnel(host, (url.host, url.port)) as local, connect(url, local) as session:
        yield session


@contextmanager
def schema_lock(fleet: Fleet, host: Host, wait: float, name: str = "") -> Iterator[Connection | None]:
    """Hold the lock of a database during the ``with`` block, so that no other run changes the schema meanwhile.

    Yield the session that holds the lock; None if there is no lock.

    The session at the database goes through the SSH connection of the host. The database frees the lock when the
    session ends, also if this process is killed. Without the URL of the database in the settings, there is no lock.

    + host: the node on which the command runs
    + wait: seconds to wait for the lock
    + name: the name of the database; empty for the section ``database``

    Raises CommandFailed if another session holds the lock, or if the database does not accept the session.
    """
    url = database_url(fleet, name)
    if url is None:
        yield None
        return
    try:
        with session_at(host, url) as session, session.lock(SCHEMA_LOCK, wait) as got:
            if not got:
                raise CommandFailed(
                    f"{url}: another run changes the schema of this database: {session.holder(SCHEMA_LOCK)}: wait "
                    "until that run has ended, then repeat the command"
                )
            yield session
    except OrchestratorError as error:
        raise CommandFailed(str(error)) from error

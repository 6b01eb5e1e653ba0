"""A shadow: an empty copy of the schema of a database, in a database of its own that is dropped at the end.

The name of a shadow has the id of the run. A comment on the database marks the shadow as ours, and the session that
made the shadow holds a lock. If a database has the mark, but no session holds the lock, an aborted run has left this
shadow, and the next run drops it. A database without the mark is never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from orchestrator.database.catalog import Catalog
from orchestrator.database.model import Engine
from orchestrator.engines import connect, mariadb_catalog, postgres_catalog
from orchestrator.engines.base import Connection, Through
from orchestrator.engines.trouble import DENIED_CODES
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import LockBusy, OrchestratorError, Refused, StatementFailed

Run = Callable[[Sequence[str], bytes], bytes]
"""Runs a command with bytes on standard input, and returns its standard output. Raises an OrchestratorError."""

PREFIX = "orchestrator_shadow_"
_MARK = "shadow of the orchestrator"
_LOCK = "shadow"
_LONGEST = 63 - len(PREFIX)
"""Characters of the longest id of a run in a name: PostgreSQL cuts names after 63 bytes."""
_SESSIONS = "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> connection_id()"
_WORKS = 60
"""Seconds that a statement may take on the shadow."""


@dataclass(frozen=True)
class Shadow:
    """An empty copy of the schema.

    + connection: a session in the shadow, in which statements run
    + watch: the session that reads the schema. In MariaDB, this is another session, so that settings in the statements
      do not change how the schema is read. In PostgreSQL, this is the same session, because only this session sees the
      schema inside of a transaction
    + others: names of the other databases of the server
    + shared: whether the shadow is on the server of the live database
    """

    connection: Connection
    watch: Connection
    others: tuple[str, ...]
    shared: bool

    @property
    def url(self) -> DatabaseUrl:
        """The URL of the shadow, for the application's own migrator."""
        return self.connection.url

    @property
    def engine(self) -> Engine:
        return self.connection.engine

    def catalog(self) -> Catalog:
        """Read the present schema of the shadow."""
        return read_catalog(self.watch)


def read_catalog(connection: Connection) -> Catalog:
    """Read the schema of the database of a session."""
    if connection.engine is Engine.POSTGRES:
        return postgres_catalog.read(connection.query)
    return mariadb_catalog.read(connection.query)


@contextmanager
def shadow(
    live: Connection,
    run_id: str,
    run: Run,
    server: DatabaseUrl | None = None,
    tunnel: bool = True,
    through: Through = None,
) -> Iterator[Shadow]:
    """Make a shadow of the database ``live``, and drop the shadow at the end of the ``with`` block.

    Raises Refused if the shadow cannot be made, and the message says which privilege is missing.

    + live: a session in the database whose schema is copied. This session only reads
    + run_id: the id of the run, which becomes part of the name
    + run: runs ``pg_dump`` on a machine from which ``live`` can be reached
    + server: a database of the server on which the shadow is made. None: the server of ``live``
    + tunnel: whether ``run`` works on this machine. Then pg_dump uses the tunnel of ``live``
    + through: the local end of a tunnel to ``server``; None without a tunnel
    """
    if live.engine is Engine.MYSQL:
        raise Refused(f"{live.url}: a shadow of MySQL is not supported, only of MariaDB and PostgreSQL")
    with ExitStack() as stack:
        admin = live.another() if server is None else connect(server, through)
        stack.callback(admin.close)
        if admin.engine is not live.engine:
            raise Refused(f"{admin.url} is not a server of the kind {live.engine}: the shadow needs the same kind")
        remove_left(admin)
        name = name_of(run_id)
        _create(admin, live, name)
        stack.callback(_drop, admin, name)
        inside = _open(admin, name)
        stack.callback(inside.close)
        if not stack.enter_context(inside.lock(_LOCK)):
            raise Refused(f"another session uses the database {name} at {admin.url.server}: run the command again")
        _mark(inside, name, live.url.database)
        try:
            _fill(inside, live, run, tunnel)
        except LockBusy as error:
            raise Refused(
                f"the schema of {live.url} cannot be read ({error}): wait until no session changes it"
            ) from None
        watch = inside if inside.engine is Engine.POSTGRES else stack.enter_context(inside.another())
        yield Shadow(inside, watch, _others(inside, name), server is None or _same(admin, live))


def name_of(run_id: str) -> str:
    """The name of the shadow of a run."""
    return PREFIX + re.sub(r"[^a-z0-9]+", "_", run_id.lower())[:_LONGEST]


def _same(one: Connection, other: Connection) -> bool:
    """Whether two sessions are, or may be, at the same server."""
    mine, theirs = one.url, other.url
    return (mine.host, mine.port, mine.socket) == (theirs.host, theirs.port, theirs.socket) or _identity(
        one
    ) == _identity(other)


def _identity(connection: Connection) -> str:
    """A text that only this server has."""
    if connection.engine is Engine.POSTGRES:
        text = "SELECT pg_postmaster_start_time()::text || coalesce(inet_server_port()::text, '')"
    else:
        text = "SELECT concat(@@hostname, @@port, @@datadir)"
    return str(connection.query(text)[0][0])


def _open(admin: Connection, name: str) -> Connection:
    return connect(replace(admin.url, database=name), admin.through)


def _quoted(connection: Connection, name: str) -> str:
    sign = '"' if connection.engine is Engine.POSTGRES else "`"
    return sign + name.replace(sign, sign * 2) + sign


def literal(text: str) -> str:
    """A text between quotes, for a statement of either engine. The text must have no backslash."""
    return "'" + text.replace("'", "''") + "'"


def _create(admin: Connection, live: Connection, name: str) -> None:
    if _exists(admin, name):
        raise Refused(
            f"the database {name} exists at {admin.url.server}, and is no shadow of another run: rename or drop the"
            " database"
        )
    if live.engine is Engine.POSTGRES:
        [row] = live.query(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
            " WHERE datname = current_database()"
        )
        encoding, collate, ctype = (literal(str(one)) for one in row)
        how = f"TEMPLATE template0 ENCODING {encoding} LC_COLLATE {collate} LC_CTYPE {ctype}"
    else:
        [row] = live.query("SELECT @@character_set_database, @@collation_database")
        how = f"CHARACTER SET {row[0]} COLLATE {row[1]}"
    try:
        admin.execute(f"CREATE DATABASE {_quoted(admin, name)} {how}")
    except StatementFailed as error:
        if error.code not in DENIED_CODES:
            raise Refused(f"the shadow cannot be made: {error}") from None
        user = admin.url.user or "the user of this session"
        needed = (
            f"ALTER ROLE {user} CREATEDB"
            if live.engine is Engine.POSTGRES
            else rf"GRANT ALL ON `{PREFIX.replace('_', chr(92) + '_')}%`.* TO {user}"
        )
        raise Refused(
            f"the shadow cannot be made ({error}): let an administrator run `{needed}`, or name another server with"
            " --shadow-server (for a release: with the setting database.shadow)"
        ) from None


def _exists(admin: Connection, name: str) -> bool:
    if admin.engine is Engine.POSTGRES:
        return bool(admin.query("SELECT 1 FROM pg_database WHERE datname = %s", (name,)))
    return bool(admin.query("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (name,)))


def _mark(inside: Connection, name: str, database: str) -> None:
    text = literal(f"{_MARK}, of {database}".replace("\\", ""))
    if inside.engine is Engine.POSTGRES:
        inside.execute(f"COMMENT ON DATABASE {_quoted(inside, name)} IS {text}")
    else:
        inside.execute(f"ALTER DATABASE {_quoted(inside, name)} COMMENT {text}")


def _others(inside: Connection, name: str) -> tuple[str, ...]:
    if inside.engine is Engine.POSTGRES:
        return ()
    rows = inside.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    return tuple(str(one) for (one,) in rows if one != name)


def commented(admin: Connection) -> list[tuple[str, str]]:
    """Names and comments of all databases at a server. A shadow's comment ends with the name of the live database."""
    if admin.engine is Engine.POSTGRES:
        return admin.query("SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database")
    return admin.query("SELECT SCHEMA_NAME, SCHEMA_COMMENT FROM information_schema.SCHEMATA")


def marked(admin: Connection) -> list[str]:
    """Names of all shadows at a server, including the shadows that are in use."""
    found = commented(admin)
    return sorted(name for name, comment in found if name.startswith(PREFIX) and comment.startswith(_MARK))


def remove_left(admin: Connection) -> list[str]:
    """Drop the shadows that aborted runs have left, and return their names.

    A shadow that this user may not open or drop stays.
    """
    gone = []
    for name in marked(admin):
        with suppress(OrchestratorError):
            with _open(admin, name) as inside, inside.lock(_LOCK) as free:
                pass
            if free:
                _drop(admin, name)
                gone.append(name)
    return gone


def _drop(admin: Connection, name: str) -> None:
    """Drop a shadow, with all sessions that the migrator has left there."""
    force = " WITH (FORCE)" if admin.engine is Engine.POSTGRES else ""
    statement = f"DROP DATABASE IF EXISTS {_quoted(admin, name)}{force}"
    try:
        _end_sessions(admin, name)
        admin.execute(statement)
    except OrchestratorError:
        with admin.another() as fresh:
            fresh.execute(statement)


def _end_sessions(admin: Connection, name: str) -> None:
    """End all sessions in a database of MariaDB. PostgreSQL itself ends the sessions before it drops the database."""
    if admin.engine is Engine.MARIADB:
        for (number,) in admin.query(_SESSIONS, (name,)):
            with suppress(StatementFailed):  # the session may have ended meanwhile
                admin.end(number)


def _fill(inside: Connection, live: Connection, run: Run, tunnel: bool) -> None:
    from orchestrator.engines import mariadb_copy, postgres_copy

    if inside.engine is Engine.POSTGRES:
        postgres_copy.fill(inside, live, run, tunnel)
        inside.execute(f"SET statement_timeout = '{_WORKS}s'")
    else:
        mariadb_copy.fill(inside, live)
        inside.execute(f"SET max_statement_time = {_WORKS}")

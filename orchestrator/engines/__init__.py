"""Sessions at database servers: PostgreSQL by psycopg, MariaDB and MySQL by PyMySQL.

``connect`` opens a session. ``base.py`` says what a session can do, ``postgres.py`` and ``mariadb.py`` have the two
kinds of sessions, ``url.py`` reads the URL of a database, and ``trouble.py`` has the texts of all errors. Only this
package imports psycopg and PyMySQL, and only when it opens a session, because both are extras that may be missing.
"""

from __future__ import annotations

from importlib import import_module

from orchestrator.database.model import Engine
from orchestrator.engines.base import Connection, Through
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import UsageError


def connect(url: DatabaseUrl, through: Through = None) -> Connection:
    """Open a session at the database server.

    Raises UsageError if the Python package for this server is missing, and CannotConnect if the server does not accept
    the session.

    + through: the local end of a tunnel, as ``(host, port)`` or as the path of a Unix socket. None: the address in
      ``url``. For TLS, the server still has the name in ``url``.
    """
    require(url.engine)
    if url.engine is Engine.POSTGRES:
        from orchestrator.engines.postgres import Postgres

        return Postgres(url, through)
    from orchestrator.engines.mariadb import MariaDB

    return MariaDB(url, through)


def require(engine: Engine) -> None:
    """Raise UsageError if the Python package for the servers of an engine is missing."""
    try:
        import_module("psycopg" if engine is Engine.POSTGRES else "pymysql")
    except ImportError as error:
        extra = "postgres" if engine is Engine.POSTGRES else "mysql"
        raise UsageError(
            f'the Python package for {engine} is missing ({error}): run pip install "blue-green-orchestrator[{extra}]"'
        ) from None

"""Decides whether a statement may run on the shadow, if the shadow is on the server of the live database.

Such a statement must change only the shadow. In PostgreSQL, a session can change things outside of its database only by
a few functions, and by statements about users, databases and settings of the server. In MariaDB, a session reaches each
database by its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.database.commands import flat
from orchestrator.database.model import Engine
from orchestrator.database.split import Statement

_POSTGRES = re.compile(
    r"""
    (?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?
        (?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|UNIQUE|MATERIALIZED|RECURSIVE|CONSTRAINT|DEFAULT)\s+)*
        (?:TABLE|INDEX|VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|TRIGGER|RULE|POLICY
        |EXTENSION|STATISTICS|COLLATION|CAST|OPERATOR|PRIVILEGES)\b
    |COMMENT\s+ON\s+(?!DATABASE|ROLE|TABLESPACE)
    |(?:GRANT|REVOKE)\s+[\w\s,()"]+?\sON\s+(?!DATABASE|TABLESPACE|FOREIGN|PARAMETER|LARGE)
    |SET\s+(?!ROLE|SESSION\s+AUTHORIZATION)
    |(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|SELECT|WITH|VALUES|EXPLAIN|BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE
    |LOCK|VACUUM|ANALYZE|REINDEX|CLUSTER|REFRESH|DO|CALL|PREPARE|EXECUTE|DEALLOCATE)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SERVER = re.compile(
    r"\b(?:CREATE|ALTER|DROP)\s+(?:USER|ROLE|GROUP|DATABASE|TABLESPACE|SERVER|SUBSCRIPTION|FOREIGN|SYSTEM)\b"
    r"|\bPROGRAM\b|\bdblink|\bpg_(?!get_|catalog\b|trgm\b)\w+\s*\(|\blo_\w+\s*\(|\bCOPY\b",
    re.IGNORECASE,
)
_MARIADB = re.compile(
    r"""
    (?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?
        (?:(?:TEMPORARY|UNIQUE|FULLTEXT|SPATIAL|ONLINE|IGNORE|AGGREGATE|ALGORITHM\s*=\s*\w+|DEFINER\s*=\s*\S+
        |SQL\s+SECURITY\s+\w+)\s+)*(?:TABLE|INDEX|VIEW|TRIGGER|FUNCTION|PROCEDURE|SEQUENCE)\b
    |(?:RENAME|OPTIMIZE|ANALYZE|CHECK|REPAIR|TRUNCATE)\s+(?:LOCAL\s+)?TABLES?\b
    |SET\s+(?!GLOBAL|PERSIST|PASSWORD|ROLE|DEFAULT|STATEMENT|.*@@\s*global)
    |(?:INSERT|UPDATE|DELETE|REPLACE|SELECT|WITH|START|COMMIT|ROLLBACK|SAVEPOINT|TRUNCATE)\b
    |BEGIN(?:\s+WORK)?\s*$
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SESSION = re.compile(r"(?:USE|LOCK|UNLOCK|FLUSH)\b", re.IGNORECASE)
"""Statements of MariaDB after which the session no longer reads the schema of the shadow."""
_FILES = re.compile(r"\bINTO\s+(?:OUTFILE|DUMPFILE)\b|\b(?:DATA|INDEX)\s+DIRECTORY\b|\bCONNECTION\s*=", re.IGNORECASE)


def outside(statement: Statement, engine: Engine, databases: Sequence[str], shared: bool) -> str:
    """Return why a statement must not run on a shadow; empty if the statement may run.

    + databases: names of the other databases of the server
    + shared: whether the server of the shadow also has the live database. If not, a statement may change the whole
      server
    """
    text, raw = flat(statement.clean), flat(statement.text)
    if engine is not Engine.POSTGRES and _SESSION.match(text):
        return "the session could no longer read the schema"
    if not shared:
        return ""
    if engine is Engine.POSTGRES:
        if not _POSTGRES.match(text) or _SERVER.search(raw):
            return "the statement may change more than this database"
        return ""
    if statement.executable or not _MARIADB.match(text) or _FILES.search(raw):
        return "the statement may change more than this database"
    named = [name for name in databases if names(raw, name)]
    return f"the statement may name the database {named[0]}" if named else ""


def names(text: str, database: str) -> bool:
    """Whether a text of MariaDB may name an object of a database, such as ``shop.orders``."""
    name = re.escape(database)
    return re.search(rf"(?<![\w$])(?:`{name}`|{name})\s*\.", text, re.IGNORECASE) is not None

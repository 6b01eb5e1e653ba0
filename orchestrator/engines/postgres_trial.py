"""Runs a statement on a shadow of PostgreSQL, and looks at its locks and at the files of the tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from typing import NamedTuple

from orchestrator.database.catalog import Catalog, Column
from orchestrator.database.findings import Problem
from orchestrator.database.split import Statement
from orchestrator.engines.base import Connection
from orchestrator.errors import Internal, StatementFailed

_ALONE = ("25001", "2D000", "0A000")
"""Errors of statements that cannot run in a transaction."""
_PLAIN = re.compile(
    r"(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|SET|RESET|PREPARE|EXECUTE|DEALLOCATE|VACUUM|TRUNCATE)\b",
    re.IGNORECASE,
)
_STRONG = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
_FILES = """
SELECT c.oid, CASE n.nspname WHEN 'public' THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END,
    c.relkind::text, pg_relation_filenode(c.oid), coalesce(i.indrelid, 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_LOCKS = f"""
SELECT DISTINCT l.relation FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.granted AND l.mode IN {_STRONG}
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 (a constant of this file)
_TIMES = 50
"""Rows that are stored with a default, because a random default may fit only sometimes."""


class _File(NamedTuple):
    """A table or an index. ``file`` changes if the server writes the table anew; ``table`` is the table of an index."""

    name: str
    kind: str
    file: int | None
    table: int


class PostgresBench:
    """Runs statements in a session."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._old = set(self._files())

    def run(self, statement: Statement, before: Catalog, inside: bool) -> tuple[Problem, ...]:
        """See `Bench.run` in ``engines/trial.py``."""
        del before
        if _PLAIN.match(statement.clean):
            self.connection.execute(statement.text)
            return ()
        files = self._files()
        if inside:
            self.connection.execute(statement.text)
            return self._locked(files)
        try:
            with self.connection.transaction():
                self.connection.execute(statement.text)
                return self._locked(files)
        except StatementFailed as error:
            if error.code not in _ALONE:
                raise
        self.connection.execute(statement.text)
        return ()

    def migrate(self, command: Callable[[], None], read: Callable[[], Catalog]) -> tuple[Problem, ...]:
        """See `Bench.migrate` in ``engines/trial.py``.

        The files of the tables say which tables the server has written anew.
        """
        del read
        files = self._files()
        command()
        return self._changed(files, self._old)

    def stores(self, table: str, column: Column, inside: bool) -> bool:
        """See `Bench.stores` in ``engines/trial.py``.

        The server stores the default in a temporary table.
        """
        del table
        collation = f" COLLATE {column.collation}" if column.collation else ""
        default = f" DEFAULT {column.default}" if column.default is not None else ""
        null = "" if column.nullable else " NOT NULL"
        name = "orchestrator_probe"
        self.connection.execute(f"SAVEPOINT {name}" if inside else "BEGIN")
        try:
            self.connection.execute(f"CREATE TEMPORARY TABLE {name} (c {column.type}{collation}{default}{null})")
            self.connection.execute(f"INSERT INTO {name} SELECT FROM generate_series(1, {_TIMES})")
        except (StatementFailed, Internal):
            return False
        finally:
            with suppress(StatementFailed):
                self.connection.execute(f"ROLLBACK TO {name}" if inside else "ROLLBACK")
        return True

    def online(self, problems: Sequence[Problem]) -> bool:
        """See `Bench.online` in ``engines/trial.py``."""
        return not problems

    def _files(self) -> dict[int, _File]:
        return {oid: _File(*row) for oid, *row in self.connection.query(_FILES)}

    def _locked(self, files: dict[int, _File]) -> tuple[Problem, ...]:
        """Problems of the present transaction."""
        return self._changed(files, {oid for (oid,) in self.connection.query(_LOCKS)})

    def _changed(self, files: dict[int, _File], locked: Set[int]) -> tuple[Problem, ...]:
        """Problems with the tables of the old code: a table is written anew, or indexed under a lock.

        + files: tables and indexes before
        + locked: the tables on which the server may have built an index under a lock
        """
        now = self._files()
        found = []
        for oid, one in now.items():
            known = files.get(oid)
            if oid in self._old and known is not None and known.file != one.file and one.kind in "rm":
                found.append(Problem("rewrite", f"table {known.name}"))
        written = {one.object for one in found}
        for oid, one in now.items():
            known = files.get(oid)
            if one.kind not in "iI" or one.table not in self._old & locked or now[one.table].kind == "p":
                continue
            table = now[one.table].name
            if (known is None or known.file != one.file) and f"table {table}" not in written:
                found.append(Problem("index-lock", f"index {one.name} of table {table}"))
        return tuple(found)

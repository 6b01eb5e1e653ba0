"""Runs a statement on a shadow of MariaDB, and asks the server whether the statement copies or blocks a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from orchestrator.database.catalog import Catalog, Column
from orchestrator.database.copies import copies
from orchestrator.database.findings import Problem
from orchestrator.database.split import Statement
from orchestrator.engines.base import Connection
from orchestrator.engines.mariadb_catalog import quoted
from orchestrator.errors import Internal, StatementFailed

_NAME = r"(`(?:[^`]|``)+`|[\w$]+)"
_ALTER = re.compile(rf"ALTER\s+(?:ONLINE\s+)?(?:IGNORE\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?{_NAME}", re.IGNORECASE)
_INDEX = re.compile(
    rf"(?:CREATE|DROP)\s+(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?INDEX\b.*?\sON\s+{_NAME}",
    re.IGNORECASE | re.DOTALL,
)
_OPTIMIZE = re.compile(rf"OPTIMIZE\s+(?:LOCAL\s+|NO_WRITE_TO_BINLOG\s+)?TABLE\s+{_NAME}\s*$", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:ALGORITHM|LOCK)\s*=?\s*(?:\w+)", re.IGNORECASE)
_ONLINE = re.compile(r"\bLOCK\s*=?\s*NONE\b|\bALGORITHM\s*=?\s*INSTANT\b", re.IGNORECASE)
_WAYS = ("ALGORITHM=INSTANT", "ALGORITHM=NOCOPY{comma} LOCK=NONE", "ALGORITHM=INPLACE{comma} LOCK=NONE")
_REFUSED = ("1845", "1846", "1064", "1221")
"""Errors that say that the server cannot carry out a statement with the given ALGORITHM or LOCK."""
_STRICT = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO"
_TIMES = 50
"""Rows that are stored with a default, because a random default may fit only sometimes."""


class MariaDBBench:
    """Runs statements in one session, and reads their effects in another session."""

    def __init__(self, connection: Connection, watch: Connection) -> None:
        self.connection, self.watch = connection, watch

    def run(self, statement: Statement, before: Catalog, inside: bool) -> tuple[Problem, ...]:
        """See `Bench.run` in ``engines/trial.py``."""
        del inside
        text = statement.clean
        alter = _ALTER.match(text)
        index = _INDEX.match(text)
        optimize = _OPTIMIZE.match(text)
        said = alter or index or optimize
        table = said[1].strip("`").replace("``", "`") if said else ""
        kinds = {one.name.lower(): one.kind for one in before.tables}
        if said is None or table.lower() not in kinds:
            self.connection.execute(statement.text)
            return ()
        locked = (Problem("lock", f"table {table}"),)
        if kinds[table.lower()] != "InnoDB":
            self.connection.execute(statement.text)
            return locked
        if optimize:
            done = online(self.connection, f"ALTER TABLE {quoted(table)} FORCE", ",")
            self.connection.execute(statement.text)
            return () if done else locked
        if _CLAUSE.search(text):
            self.connection.execute(statement.text)
            return () if _ONLINE.search(text) else locked
        if online(self.connection, statement.text, "," if alter else ""):
            return ()
        self.connection.execute(statement.text)
        return locked

    def migrate(self, command: Callable[[], None], read: Callable[[], Catalog]) -> tuple[Problem, ...]:
        """See `Bench.migrate` in ``engines/trial.py``.

        Afterwards, the server does not report whether it has copied a table.
        """
        before = read()
        command()
        return copies(before, read())

    def stores(self, table: str, column: Column, inside: bool) -> bool:
        """See `Bench.stores` in ``engines/trial.py``.

        The server stores the default in a temporary table.
        """
        del inside
        [[_, text]] = self.watch.query(f"SHOW CREATE TABLE {quoted(table)}")
        name = re.escape(quoted(column.name))
        line = re.search(rf"^\s+({name} .*?),?$", str(text), re.MULTILINE)
        if line is None:
            return False
        rows = ", ".join(["()"] * _TIMES)
        try:
            self.watch.execute(f"CREATE TEMPORARY TABLE orchestrator_probe (orchestrator_id int, {line[1]})")
            try:
                insert = f"INSERT INTO orchestrator_probe () VALUES {rows}"  # noqa: S608 (rows of defaults)
                self.watch.execute(f"SET STATEMENT sql_mode = '{_STRICT}' FOR {insert}")
            finally:
                self.watch.execute("DROP TEMPORARY TABLE orchestrator_probe")
        except (StatementFailed, Internal):
            return False
        return True

    def online(self, problems: Sequence[Problem]) -> bool:
        """See `Bench.online` in ``engines/trial.py``."""
        return not problems


def online(connection: Connection, statement: str, comma: str) -> bool:
    """Run a statement with the cheapest algorithm with which the server does not block writes.

    If there is no such algorithm, the server changes nothing, and the function returns False.

    + statement: ALTER TABLE, CREATE INDEX or DROP INDEX, without ALGORITHM and LOCK
    + comma: the text before ALGORITHM: a comma for ALTER TABLE, otherwise empty
    """
    for way in _WAYS:
        try:
            # on a line of its own, because the statement may end with a comment
            connection.execute(f"{statement}\n{comma} {way.format(comma=comma)}")
        except StatementFailed as error:
            if error.code not in _REFUSED:
                raise
        else:
            return True
    return False

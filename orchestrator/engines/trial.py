"""Runs the statements of SQL files on a shadow, and notes what each statement does to the old code.

The statements run one after the other. The old code also works between two statements. Therefore, after each statement,
the schema is compared with the schema for which the old code was written. Inside a transaction, only the schema at
COMMIT counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from orchestrator.database.catalog import Catalog, Column
from orchestrator.database.compare import compare, new_values
from orchestrator.database.decide import Seen
from orchestrator.database.findings import Problem
from orchestrator.database.model import Engine, Phase
from orchestrator.database.ranges import without_rows
from orchestrator.database.reach import outside
from orchestrator.database.split import Statement
from orchestrator.engines.shadow import Shadow
from orchestrator.errors import Internal, StatementFailed

_BEGIN = re.compile(r"(?:BEGIN|START\s+TRANSACTION)\b(?!\s+NOT\b)", re.IGNORECASE)
_END = re.compile(r"(?:COMMIT|END|ROLLBACK|ABORT)\b(?!\s+(?:WORK\s+)?TO\b)", re.IGNORECASE)
_SAID = 120
"""Characters of an error that a finding shows."""


class Bench(Protocol):
    """Runs statements at a server of one engine."""

    def run(self, statement: Statement, before: Catalog, inside: bool) -> tuple[Problem, ...]:
        """Run a statement, and return the problems with locks and copies of tables.

        Raises StatementFailed or LockBusy.

        + before: the schema for which the old code was written
        + inside: whether a transaction has begun
        """

    def migrate(self, command: Callable[[], None], read: Callable[[], Catalog]) -> tuple[Problem, ...]:
        """Call ``command``, whose statements are not known, and return the problems with locks and copies of tables.

        + command: runs the application's own migrator
        + read: reads the present schema
        """

    def stores(self, table: str, column: Column, inside: bool) -> bool:
        """Whether the server can store the default of a column in this column, when an insert leaves out the column."""

    def online(self, problems: Sequence[Problem]) -> bool:
        """Whether a statement with these problems blocks queries of the old code for at most a moment."""


class Trial:
    """The statements of several files, one file after the other, on one shadow."""

    def __init__(self, shadow: Shadow) -> None:
        self.shadow = shadow
        self.bench = _bench(shadow)
        self.before = shadow.catalog()
        self._reported: set[Problem] = set()
        self._stored: dict[tuple[str, Column], bool] = {}

    def run(self, statements: Sequence[Statement], phase: Phase) -> list[Seen]:
        """Run the statements of a file, and return what was seen, in the order of the statements.

        + phase: phase of the file. After a file of the phase contract, later schemas are compared with the schema at
          the end of this file
        """
        seen = _File(self, phase).run(statements)
        if phase is Phase.CONTRACT:
            self.before = self.shadow.catalog()
            self._reported.clear()
        return seen

    def migrate(self, command: Callable[[], None]) -> Seen:
        """Run the application's own migrator on the shadow, and return what was seen.

        Only the schema before and after is known. Therefore each new index of an existing table of PostgreSQL counts as
        an index that blocks writes, and in MariaDB each change for which the server may have to copy the table counts
        as a copy.

        + command: runs the migrator, with the URL of the shadow. This method does not catch exceptions of
          ``command``
        """
        locks = self.bench.migrate(command, self.shadow.catalog)
        found = [*locks, *self.problems(inside=False)]
        for one in found:
            self.report(one)
        return Seen(tuple(dict.fromkeys(found)), online=self.bench.online(locks))

    def problems(self, inside: bool) -> list[Problem]:
        """The problems of the old code with the present schema, except problems that were reported before."""
        now = self.shadow.catalog()
        found = [*compare(self.before, now)]
        for table, column in new_values(self.before, now):
            if (table, column) not in self._stored:
                self._stored[table, column] = self.bench.stores(table, column, inside)
            if not self._stored[table, column]:
                found.append(Problem("set-default", f"column {table}.{column.name}"))
        return [one for one in found if one not in self._reported]

    def report(self, problem: Problem) -> None:
        """Remember a problem as already reported, so that no later statement reports the same problem."""
        self._reported.add(problem)


class _File:
    """One file of a trial."""

    def __init__(self, trial: Trial, phase: Phase) -> None:
        self.trial, self.phase = trial, phase
        self.inside = False
        self.pending: dict[Problem, int] = {}
        self.found: list[list[Problem]] = []
        self.seen: list[Seen] = []

    def run(self, statements: Sequence[Statement]) -> list[Seen]:
        for number, statement in enumerate(statements):
            self.found.append([])
            self.seen.append(self._one(statement))
            if self.seen[-1].ran:
                self._look(number)
        if self.inside:
            self._flush()
            self._end()
        return [
            Seen((*one.problems, *theirs), one.ran, one.online, one.why, one.tried)
            for one, theirs in zip(self.seen, self.found, strict=True)
        ]

    def _one(self, statement: Statement) -> Seen:
        shadow = self.trial.shadow
        why = outside(statement, shadow.engine, shadow.others, shadow.shared)
        if statement.unfinished:
            why = "the statement has no end"
        if why:
            return Seen(ran=False, online=False, why=why, tried=False)
        try:
            if self.phase is Phase.BACKFILL:
                statement = replace(statement, text=without_rows(statement.text), clean=without_rows(statement.clean))
            locks = self.trial.bench.run(statement, self.trial.before, self.inside)
        except (StatementFailed, Internal) as error:
            self._end()
            return Seen(ran=False, online=False, why=_said(str(error)))
        if _BEGIN.match(statement.clean):
            self.inside = True
        elif _END.match(statement.clean):
            self.inside = False
        return Seen(locks, online=self.trial.bench.online(locks))

    def _look(self, number: int) -> None:
        now = self.trial.problems(self.inside)
        self.pending = {one: self.pending.get(one, number) for one in now}
        if not self.inside:
            self._flush()

    def _flush(self) -> None:
        for problem, number in self.pending.items():
            self.found[number].append(problem)
            self.trial.report(problem)
        self.pending.clear()

    def _end(self) -> None:
        """End a transaction that failed or that the file has left open."""
        self.inside = False
        self.pending.clear()
        self.trial.shadow.connection.execute("ROLLBACK")


def _said(message: str) -> str:
    """The end of the message of an error, which is the text of the server."""
    return message if len(message) <= _SAID else f"...{message[3 - _SAID :]}"


def _bench(shadow: Shadow) -> Bench:
    if shadow.engine is Engine.POSTGRES:
        from orchestrator.engines.postgres_trial import PostgresBench

        return PostgresBench(shadow.connection)
    from orchestrator.engines.mariadb_trial import MariaDBBench

    return MariaDBBench(shadow.connection, shadow.watch)

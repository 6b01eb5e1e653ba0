"""The handler of the action `try migration`, which tries the application's migrator on a copy of the schema."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.database import Migrate, key_of, redirected
from orchestrator.database.catalog import Catalog
from orchestrator.database.findings import Problem
from orchestrator.engines.base import Connection
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.migrator import Table, copy_rows, ledgers, rows
from orchestrator.engines.shadow import Shadow, read_catalog
from orchestrator.engines.trial import Trial
from orchestrator.errors import CommandFailed, LockBusy, TookTooLong
from orchestrator.migrate.judge import Accept, Command, judge_command, verdict_of_command
from orchestrator.migrate.marks import refuse_different
from orchestrator.operations.try_migration import assignments, try_migration
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler, guard, seconds
from orchestrator.run.handlers.files import copied, exclusive
from orchestrator.run.schema_lock import name_in_marks
from orchestrator.scripts.command import number, pairs
from orchestrator.stages.lint import TryMigration

_SHOWN = 120
"""Characters of the command's last line in a finding."""


@dataclass(frozen=True)
class _Ended:
    """The exit status of the command, and the last lines that the command printed."""

    code: int
    output: tuple[str, ...]

    @property
    def problems(self) -> list[Problem]:
        if not self.code:
            return []
        said = self.output[-1][:_SHOWN] if self.output else "the command printed nothing"
        return [Problem("fails", f"the command ended with status {self.code}: {said}")]


@dataclass(frozen=True)
class _Live:
    """The schema of the live database, and the rows with which the application notes which migrations have run."""

    schema: Catalog
    rows: dict[Table, list[str]]


class TryMigrationHandler(OperationHandler[TryMigration]):
    """Makes a copy of the schema, runs the command with ``operations/try_migration.py``, and judges its changes."""

    output = True

    @classmethod
    @override
    def call(cls, step: Step[TryMigration], settings: Settings) -> Call:
        action, migrate = step.action, _commands(settings, step)
        return Call(
            try_migration,
            {
                "root": settings.node.root,
                "release": action.release,
                "color": action.color,
                "run": migrate.expand,
                "as_web": settings.node.as_web if action.user else None,
                "web_user": action.user,
            },
        )

    @override
    def at_host(self, host: Host, step: Step[TryMigration], undoing: bool) -> str:
        try:
            return self._tried(host, step)
        except LockBusy as busy:
            raise CommandFailed(
                f"{busy}: wait until no other session changes the tables. If the session belongs to "
                f"{_key(step)}.expand, the command must end its transactions before it ends"
            ) from busy

    def _tried(self, host: Host, step: Step[TryMigration]) -> str:
        action, migrate, key = step.action, _commands(self.settings, step), _key(step)
        ended: list[_Ended] = []
        with exclusive(self.fleet, host, action.database) as live:
            refuse_different(Ledger(live, action.key).marks(), action.known, name_in_marks(self.fleet))
            with copied(self.fleet, host, live, action) as made:
                tables = ledgers(live, migrate.ledger)
                copy_rows(live, made.connection, tables)
                before, trial = _look(live, tables), Trial(made)
                try:
                    seen = trial.migrate(lambda: ended.append(self._run(host, step, made)))
                except TookTooLong:
                    # the server may still work on a statement of the command, so the copy cannot be read
                    _refuse_live(live, key, before, _look(live, tables), idle=False)
                    raise
                _refuse_live(live, key, before, _look(live, tables), idle=trial.before == made.catalog())
            [last] = ended
            accept = Accept(action.accept, action.reason)
            command = Command(migrate.expand, f"{key}.expand", action.database)
            judged = judge_command(command, live.engine, [*seen.problems, *last.problems], accept)
        return "\n".join(verdict_of_command(judged, command, last.output if last.code else ()))

    def _run(self, host: Host, step: Step[TryMigration], made: Shadow) -> _Ended:
        """Run the command at a shadow. In its output, replace the name of the shadow, which differs in each run.

        Raises TookTooLong if the command was killed at its time limit.
        """
        limit, call = step.action.limit, self.call(step, self.settings)
        variables = redirected(_commands(self.settings, step).redirect, made.url.parts)
        guarding = guard(replace(step, deadline=limit), self.settings, self.context.fence)
        began = time.monotonic()
        try:
            said = self.fleet.operate(host, call.operation, assignments(variables), **call.arguments, guard=guarding)
        except CommandFailed as failure:
            # when the guard kills a command, the guard prints no message
            if time.monotonic() - began < seconds(limit):
                raise
            late = f"the command {_key(step)}.expand still ran on a copy of the schema after {limit:g} s"
            raise TookTooLong(f"{late}: nothing has changed in the database", failure.output) from None
        lines = [line.removeprefix("line=") for line in said if line.startswith("line=")]
        return _Ended(number(pairs(said), "code"), tuple(one.replace(made.url.database, "(the copy)") for one in lines))


def _commands(settings: Settings, step: Step[TryMigration]) -> Migrate:
    found = settings.all_databases[step.action.database].migrate
    assert found is not None
    return found


def _key(step: Step[TryMigration]) -> str:
    """Return the key of the commands in the settings, such as ``database.migrate``."""
    return f"{key_of(step.action.database)}.migrate"


def _look(live: Connection, tables: Sequence[Table]) -> _Live:
    found: list[Catalog] = []
    live.retry(lambda: found.append(read_catalog(live)), "reading the schema")
    return _Live(found[-1], rows(live, tables))


def _refuse_live(live: Connection, key: str, before: _Live, after: _Live, idle: bool) -> None:
    """Raise CommandFailed if the command has changed the live database instead of the copy.

    While the command runs, no other run changes the schema. But many applications add tables themselves now and then.
    Therefore a changed schema alone counts only if the command has changed nothing in the copy.

    + key: the key of the commands in the settings
    + idle: whether the schema of the copy is as before
    """
    if before.rows != after.rows or (idle and before.schema != after.schema):
        raise CommandFailed(
            f"the command {key}.expand has changed the live database {live.url}, and not the copy of the schema: the "
            f"variables of {key}.redirect do not let the command use another database. Correct or remove the setting. "
            "The schema stays changed"
        )

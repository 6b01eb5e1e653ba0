"""Change the schema of the database before any process of the new release starts.

Either a command of the application changes the schema (``Migrate``), or the SQL files of the release (``RunFiles``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from orchestrator.config.database import Database
from orchestrator.database.known import Known, key
from orchestrator.model import Color
from orchestrator.plan.inputs import DatabaseInput, Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step
from orchestrator.stages.backfill import backfill
from orchestrator.stages.gate import gate_live
from orchestrator.stages.lint import SLACK, lint

EXPAND = Kind("expand", ("node",), skipped="the settings have no database", hooks=True)
EXPAND_ENDED = Kind("expand ended", ("node",), changes=False)

Phase = Literal["expand", "check", "contract"]


@dataclass(frozen=True)
class Migrate(Action):
    """Run a command of the application that changes the schema, and wait until the command has ended.

    The command is detached from the connection. If the step is repeated, the command is not started again: the step
    waits for the first command.

    + phase: ``expand``, ``check`` or ``contract``, the key of the command in the settings
    + key: name of the command in this run
    + user: the name of the web user, if this user runs the command; empty for the deploy user
    + retry: whether to start the command even if it is unknown how a command of an earlier run ended
    + known: the last run of the journal that has changed the schema and marked the database; None if there is none
    + database: the name of the database; empty for the section ``database``
    """

    name = "migrate"
    handler = "orchestrator.run.handlers.migrate:MigrateHandler"
    prints = True

    phase: Phase
    key: str
    release: str
    color: Color
    user: str = ""
    retry: bool = False
    known: Known | None = None
    database: str = ""

    @property
    @override
    def runs_as(self) -> str:
        return self.user


@dataclass(frozen=True)
class AwaitMigration(Action):
    """Wait until a command that changes the schema has ended. Start nothing.

    + key: name of the command in its run
    + database: the name of the database; empty for the section ``database``
    """

    name = "await migration"
    handler = "orchestrator.run.handlers.migrate:AwaitMigrationHandler"
    prints = True

    key: str
    database: str = ""


@dataclass(frozen=True)
class RunFiles(Action):
    """Run the SQL files of a phase that have not run. The ledger in the database notes each statement.

    + phase: ``expand`` or ``contract``
    + key: name of the run in the ledger
    + release: the release that has the files
    + live: in a release, the live release, whose contract must not be pending; None if there is none
    + known: the last run of the journal that has changed the schema and marked the database; None if there is none
    + database: the name of the database; empty for the section ``database``
    """

    name = "run files"
    handler = "orchestrator.run.handlers.files:RunFilesHandler"

    phase: Literal["expand", "contract"]
    key: str
    release: str
    live: str | None = None
    known: Known | None = None
    database: str = ""


@dataclass(frozen=True)
class TellFiles(Action):
    """Say how many statements of a run's SQL files have changed the schema. Change nothing.

    + key: name of the run in the ledger
    + database: the name of the database; empty for the section ``database``
    """

    name = "tell files"
    handler = "orchestrator.run.handlers.files:TellFilesHandler"

    key: str
    database: str = ""


def expand(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that change the schemas with the code of the new release, and check the live release.

    First the changes of all databases are checked. Then one database after the other is changed. If a command of the
    application changes the schema, the command runs on one node. The undo waits until the command has ended, because
    the command uses the files of the new release, which the undo then removes. The undo does not change the schema
    back: the live release works with the changed schema.
    """
    names = tuple(i.settings.all_databases)
    if not i.database or not names:
        return ()
    return (*lint(i, "expand"), *(_change(i, i.database, name) for name in names), gate_live(i), *backfill(i))


def _change(i: Inputs, database: DatabaseInput, name: str) -> Stage:
    setting, named = i.settings.all_databases[name], key("expand", name, database.run)
    back: Action = AwaitMigration(named, name) if setting.files is None else TellFiles(named, name)
    ended = Step(Place("node", database.runner), back, _deadline(setting))
    return Stage(EXPAND, (migration(i, "expand", name),), undo=(Stage(EXPAND_ENDED, (ended,), label=name),), label=name)


def migration(i: Inputs, phase: Phase, name: str = "") -> Step:
    """Return the step that runs the command or the SQL files of a phase.

    ``i.database`` must be set. SQL files have no step for the phase ``check``.

    + name: the name of the database; empty for the section ``database``
    """
    database, setting = i.database, i.settings.all_databases[name]
    assert database is not None
    named, known = key(phase, name, database.run), database.known_of(name)
    if setting.files is not None:
        assert phase != "check"
        live = i.live if phase == "expand" else None
        action: Action = RunFiles(phase, named, i.release, live, known, name)
        return Step(Place("node", database.runner), action, _deadline(setting))
    user = i.settings.web_user if setting.user == "web" else ""
    action = Migrate(phase, named, i.release, i.color, user, database.retry, known, name)
    return Step(Place("node", database.runner), action, _deadline(setting))


def _deadline(setting: Database) -> float:
    return setting.deadline + SLACK

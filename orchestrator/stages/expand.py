"""Change the schema of the database before any process of the new release starts.

Either a command of the application changes the schema (``Migrate``), or the SQL files of the release (``RunFiles``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from orchestrator.config.database import Database
from orchestrator.database.known import Known
from orchestrator.model import Color
from orchestrator.plan.inputs import DatabaseInput, Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step
from orchestrator.stages.gate import gate_live
from orchestrator.stages.lint import lint

EXPAND = Kind("expand", ("node",), skipped="the settings have no database", hooks=True)
EXPAND_ENDED = Kind("expand ended", ("node",), changes=False)

SLACK = 90.0
"""Seconds by which the deadline of a step is longer than the setting ``database.deadline``.

The step may wait for the lock of the database.
"""

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

    @property
    @override
    def runs_as(self) -> str:
        return self.user


@dataclass(frozen=True)
class AwaitMigration(Action):
    """Wait until a command that changes the schema has ended. Start nothing.

    + key: name of the command in its run
    """

    name = "await migration"
    handler = "orchestrator.run.handlers.migrate:AwaitMigrationHandler"
    prints = True

    key: str


@dataclass(frozen=True)
class RunFiles(Action):
    """Run the SQL files of a phase that have not run. The ledger in the database notes each statement.

    + phase: ``expand`` or ``contract``
    + key: name of the run in the ledger
    + release: the release that has the files
    + live: in a release, the live release, whose contract must not be pending; None if there is none
    + known: the last run of the journal that has changed the schema and marked the database; None if there is none
    """

    name = "run files"
    handler = "orchestrator.run.handlers.files:RunFilesHandler"

    phase: Literal["expand", "contract"]
    key: str
    release: str
    live: str | None = None
    known: Known | None = None


@dataclass(frozen=True)
class TellFiles(Action):
    """Say how many statements of a run's SQL files have changed the schema. Change nothing.

    + key: name of the run in the ledger
    """

    name = "tell files"
    handler = "orchestrator.run.handlers.files:TellFilesHandler"

    key: str


def expand(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that change the schema with the code of the new release, and then check the live release.

    If a command of the application changes the schema, the command runs on one node. The undo waits until the command
    has ended, because the command uses the files of the new release, which the undo then removes. The undo does not
    change the schema back: the live release works with the changed schema.
    """
    if not i.database or not i.settings.database:
        return ()
    back: Action = AwaitMigration(_key("expand", i.database))
    if i.settings.database.files is not None:
        back = TellFiles(_key("expand", i.database))
    ended = Step(Place("node", i.database.runner), back, _deadline(i.settings.database))
    change = Stage(EXPAND, (migration(i, "expand"),), undo=(Stage(EXPAND_ENDED, (ended,)),))
    return (*lint(i, "expand"), change, gate_live(i))


def migration(i: Inputs, phase: Phase) -> Step:
    """Return the step that runs the command or the SQL files of a phase.

    ``i.database`` and ``i.settings.database`` must be set. SQL files have no step for the phase ``check``.
    """
    database, setting = i.database, i.settings.database
    assert database is not None
    assert setting is not None
    if setting.files is not None:
        assert phase != "check"
        live = i.live if phase == "expand" else None
        action: Action = RunFiles(phase, _key(phase, database), i.release, live, database.known)
        return Step(Place("node", database.runner), action, _deadline(setting))
    user = i.settings.web_user if setting.user == "web" else ""
    action = Migrate(phase, _key(phase, database), i.release, i.color, user, database.retry, database.known)
    return Step(Place("node", database.runner), action, _deadline(setting))


def _key(phase: Phase, database: DatabaseInput) -> str:
    return f"{phase}-{database.run}"


def _deadline(setting: Database) -> float:
    return setting.deadline + SLACK

"""Check a change of the schema before it is made: the change must not break or block the live release.

Two judges check each statement of SQL files. The lint reads the text, and an empty copy of the schema shows what the
statement does. For MySQL there is no copy, so only the lint judges. If a command of the application changes the schema,
the command runs on such a copy. The statements of the command are not known, so only the schema of the copy before the
command and the schema after the command are judged. If a change is refused, the run ends before anything has changed in
the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from orchestrator.database.known import Known, key
from orchestrator.model import Color
from orchestrator.plan.inputs import DatabaseInput, Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

LINT = Kind("lint", ("node",), skipped="the settings have neither database.files nor migrate.redirect", hooks=True)

LONGEST = 900.0
"""Largest deadline of the check, in seconds. The copy has no rows, so that even many statements take little time."""

SLACK = 90.0
"""Seconds by which the deadline of a step at a database is longer than the time limit of its command or files.

The step may wait for the lock of the database, and may make a copy of the schema.
"""


@dataclass(frozen=True)
class LintFiles(Action):
    """Check the SQL files of a phase that have not run, with the lint and on an empty copy of the schema.

    + phase: ``expand`` or ``contract``
    + key: name of the run, which becomes part of the name of the copy
    + release: the release that has the files
    + live: in a release, the live release, whose contract must not be pending; None if there is none
    + accept: ids of findings that the operator accepts
    + reason: why the operator accepts these findings
    + known: the last run of the journal that has changed the schema and marked the database; None if there is none
    + database: the name of the database; empty for the section ``database``
    """

    name = "lint files"
    handler = "orchestrator.run.handlers.files:LintFilesHandler"

    phase: Literal["expand", "contract"]
    key: str
    release: str
    live: str | None = None
    accept: tuple[str, ...] = ()
    reason: str = ""
    known: Known | None = None
    database: str = ""


@dataclass(frozen=True)
class TryMigration(Action):
    """Run the command ``database.migrate.expand`` on an empty copy of the schema, and judge what the command changes.

    + key: name of the run, which becomes part of the name of the copy
    + release: the release in whose directory the command runs
    + limit: seconds after which the command is killed
    + user: the name of the web user, if this user runs the command; empty for the deploy user
    + accept: ids of findings that the operator accepts
    + reason: why the operator accepts these findings
    + known: the last run of the journal that has changed the schema and marked the database; None if there is none
    + database: the name of the database; empty for the section ``database``
    """

    name = "try migration"
    handler = "orchestrator.run.handlers.try_migration:TryMigrationHandler"
    prints = True

    key: str
    release: str
    color: Color
    limit: float
    user: str = ""
    accept: tuple[str, ...] = ()
    reason: str = ""
    known: Known | None = None
    database: str = ""

    @property
    @override
    def runs_as(self) -> str:
        return self.user


def lint(i: Inputs, phase: Literal["expand", "contract"]) -> tuple[Stage, ...]:
    """Return the stage that checks the change of a phase, one for each database; () if there is nothing to check.

    A command of the phase ``contract`` is not checked: at that time, no old code is left.
    """
    database = i.database
    if database is None:
        return ()
    steps = {name: _step(i, phase, database, name) for name in i.settings.all_databases}
    return tuple(Stage(LINT, (step,), label=name) for name, step in steps.items() if step)


def _step(i: Inputs, phase: Literal["expand", "contract"], database: DatabaseInput, name: str) -> Step | None:
    setting, place = i.settings.all_databases[name], Place("node", database.runner)
    named, known, accept = key("lint", name, database.run), database.known_of(name), database.accepted(name)
    reason, limit = database.reason if accept else "", min(setting.deadline, LONGEST)
    if setting.files is not None:
        live = i.live if phase == "expand" else None
        files = LintFiles(phase, named, i.release, live, accept, reason, known, name)
        return Step(place, files, limit)
    if not setting.tries or phase != "expand":
        return None
    user = i.settings.web_user if setting.user == "web" else ""
    command = TryMigration(named, i.release, i.color, limit, user, accept, reason, known, name)
    return Step(place, command, limit + SLACK)

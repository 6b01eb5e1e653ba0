"""Check SQL files before they run: no statement may break or block the live release.

Two judges check each statement. The lint reads the text, and an empty copy of the schema shows what the statement does.
If a statement is refused, the run ends before anything has changed in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.database.known import Known
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

LINT = Kind("lint", ("node",), skipped="the settings have no database.files", hooks=True)

LONGEST = 900.0
"""Largest deadline of the stage, in seconds. The copy has no rows, so that even many statements take little time."""


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


def lint(i: Inputs, phase: Literal["expand", "contract"]) -> tuple[Stage, ...]:
    """Return the stage that checks the SQL files of a phase; () if the settings have no SQL files."""
    database, setting = i.database, i.settings.database
    if database is None or setting is None or setting.files is None:
        return ()
    live = i.live if phase == "expand" else None
    action = LintFiles(phase, f"lint-{database.run}", i.release, live, database.accept, database.reason, database.known)
    return (Stage(LINT, (Step(Place("node", database.runner), action, min(setting.deadline, LONGEST)),)),)

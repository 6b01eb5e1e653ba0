"""Fill new columns and tables with the values of the old rows, while the live release serves all requests."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.database.known import key
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step
from orchestrator.stages.lint import SLACK

BACKFILL = Kind("backfill", ("node",), skipped="the settings have no database.backfill", hooks=True)


@dataclass(frozen=True)
class RunBackfill(Action):
    """Run the backfill files of a release that are not done, in batches. The ledger in the database notes each batch.

    + key: name of the run in the ledger
    + release: the release that has the files
    + database: the name of the database; empty for the section ``database``
    """

    name = "run backfill"
    handler = "orchestrator.run.handlers.backfill:RunBackfillHandler"

    key: str
    release: str
    database: str = ""


def backfill(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that run the backfill files, one for each database with the setting ``backfill``.

    There is no undo: the old code works with filled rows, and the next backfill goes on after the last batch.
    """
    database = i.database
    if database is None:
        return ()
    return tuple(
        Stage(
            BACKFILL,
            (
                Step(
                    Place("node", database.runner),
                    RunBackfill(key("backfill", name, database.run), i.release, name),
                    setting.deadline + SLACK,
                ),
            ),
            label=name,
        )
        for name, setting in i.settings.all_databases.items()
        if setting.backfill
    )

"""The handler of the action `run backfill`, which fills rows through the SSH connection of a node."""

from __future__ import annotations

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.database.backfill import Pace, Progress
from orchestrator.engines.backfill import Ways
from orchestrator.engines.base import PATIENCE
from orchestrator.engines.throttle import Throttle
from orchestrator.errors import CommandFailed, OrchestratorError
from orchestrator.migrate.backfills import backfill
from orchestrator.migrate.guard import Asked
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.run.handlers.migrate import WAIT
from orchestrator.run.schema_lock import database_url, session_at
from orchestrator.run.sql_files import sql_files
from orchestrator.stages.backfill import RunBackfill


class RunBackfillHandler(Handler[RunBackfill]):
    """Runs the backfill files that are not done, as ``orchestrator db backfill`` does."""

    output = True

    @override
    def at_host(self, host: Host, step: Step[RunBackfill], undoing: bool) -> str:
        action, lines = step.action, list[str]()
        try:
            url = database_url(self.fleet, action.database)
            assert url is not None
            changes = sql_files(self.fleet, host, action.release, name=action.database)
            with session_at(host, url) as session:
                patience = min(PATIENCE, step.deadline / 2)
                ways = Ways(Pace(), Throttle(session), lines.append, _not_shown, patience)
                backfill(session, changes, Asked(action.release, wait=WAIT, patience=patience), ways)
        except OrchestratorError as error:
            raise CommandFailed(str(error), lines) from error
        return lines[-1]


def _not_shown(progress: Progress) -> None:
    """Do nothing: the ledger has the progress of the backfill, and ``orchestrator db status`` shows it from there."""

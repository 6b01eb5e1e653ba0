"""The handlers of the actions that check and run the SQL files of a release.

Each handler opens a session at the database through the SSH connection of a node. The node only has the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.database.files import Change
from orchestrator.database.ledger import State, Work
from orchestrator.database.model import Engine
from orchestrator.engines.base import PATIENCE, Connection
from orchestrator.engines.judge import run_here
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.shadow import Shadow, shadow
from orchestrator.errors import CommandFailed, OrchestratorError, Refused
from orchestrator.fleet import Fleet
from orchestrator.migrate.actions import contract_works, expand_works, run_works
from orchestrator.migrate.backfills import check_files
from orchestrator.migrate.guard import Asked
from orchestrator.migrate.judge import Accept, judge, verdict
from orchestrator.migrate.marks import changed_by_hand, marked, refuse_different
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.run.handlers.migrate import WAIT
from orchestrator.run.schema_lock import database_url, name_in_marks, schema_lock, session_at
from orchestrator.run.sql_files import sql_files
from orchestrator.run.walk import WARNING
from orchestrator.stages.contract import CheckFiles
from orchestrator.stages.expand import RunFiles, TellFiles
from orchestrator.stages.lint import LintFiles, TryMigration
from orchestrator.tunnel import tunnel


class LintFilesHandler(Handler[LintFiles]):
    """Judges the files that are to run, with the lint and with an empty copy of the schema."""

    output = True

    @override
    def at_host(self, host: Host, step: Step[LintFiles], undoing: bool) -> str:
        action = step.action
        with exclusive(self.fleet, host, action.database) as session:
            ledger = Ledger(session, action.key, action.release)
            marks = ledger.marks()
            refuse_different(marks, action.known, name_in_marks(self.fleet))
            if said := changed_by_hand(session, marks):
                raise Refused(said)
            theirs = sql_files(self.fleet, host, action.release, name=action.database)
            works = _works(self.fleet, host, ledger, action, theirs)
            if action.phase == "expand" and self.settings.all_databases[action.database].backfill:
                check_files(theirs, ledger)
            copy = None if session.engine is Engine.MYSQL else partial(copied, self.fleet, host, session, action)
            judged = judge(works, session.engine, copy, Accept(action.accept, action.reason))
            return "\n".join(verdict(judged, action.database))


class RunFilesHandler(Handler[RunFiles]):
    """Runs the files of a phase that have not run, and notes each statement in the ledger."""

    output = True

    @override
    def at_host(self, host: Host, step: Step[RunFiles], undoing: bool) -> str:
        action, lines = step.action, list[str]()
        with exclusive(self.fleet, host, action.database) as session:
            ledger = Ledger(session, action.key, action.release)
            inventory = name_in_marks(self.fleet)
            refuse_different(ledger.marks(), action.known, inventory)
            ledger.create()
            theirs = sql_files(self.fleet, host, action.release, name=action.database)
            works = _works(self.fleet, host, ledger, action, theirs)
            patience = min(PATIENCE, step.deadline / 2)
            asked = Asked(release=action.release, patience=patience)
            try:
                with marked(ledger, action.phase, inventory):
                    run_works(ledger, works, action.phase, asked, lines.append)
            except OrchestratorError as error:
                raise CommandFailed(str(error), lines) from error
        return lines[-1]


class CheckFilesHandler(Handler[CheckFiles]):
    """Fails if there is nothing to contract, or if rows are left that a backfill must fill first."""

    @override
    def at_host(self, host: Host, step: Step[CheckFiles], undoing: bool) -> str:
        release, works = step.action.release, list[Work]()
        for name in step.action.databases:
            with exclusive(self.fleet, host, name) as session:
                works += contract_works(Ledger(session, ""), sql_files(self.fleet, host, release, name=name))
        if not works and not step.action.beside:
            raise CommandFailed(f"there is nothing to contract: all contract files of {release} have run")
        return ", ".join(one.file.name for one in works)


class TellFilesHandler(Handler[TellFiles]):
    """Says in an undo how many statements of the run have changed the schema."""

    @override
    def at_host(self, host: Host, step: Step[TellFiles], undoing: bool) -> str:
        try:
            url = database_url(self.fleet, step.action.database)
            assert url is not None
            with session_at(host, url) as session:
                rows = [one for one in Ledger(session, "").rows() if one.run == step.action.key]
        except OrchestratorError as error:
            return f"{WARNING}it is unknown whether the schema was changed: {error}"
        done = sum(one.state is State.DONE for one in rows)
        unclear = [one.where for one in rows if one.state is State.STARTED]
        if unclear:
            return (
                f"{WARNING}it is unknown whether the server has carried out {', '.join(unclear)}: run orchestrator db"
                " resolve before the next release"
            )
        return f"the schema stays changed: {done} steps done" if done else "the schema was not changed"


@contextmanager
def exclusive(fleet: Fleet, host: Host, name: str) -> Iterator[Connection]:
    """Hold the lock of a database during the ``with`` block. Raises CommandFailed for each OrchestratorError.

    + name: the name of the database; empty for the section ``database``
    """
    try:
        with schema_lock(fleet, host, WAIT, name) as session:
            assert session is not None
            yield session
    except OrchestratorError as error:
        raise CommandFailed(str(error)) from error


def _works(
    fleet: Fleet, host: Host, ledger: Ledger, action: LintFiles | RunFiles, theirs: Sequence[Change]
) -> list[Work]:
    """Return the files that are to run. Raises Refused if they must not run.

    + theirs: the files of the release
    """
    name = action.database
    if action.phase == "contract":
        return contract_works(ledger, theirs)
    # the live release may be older than the setting, and have no directory
    live = sql_files(fleet, host, action.live, must=False, name=name) if action.live else ()
    return expand_works(ledger, theirs, live, defer=fleet.settings.all_databases[name].pending == "defer")


@contextmanager
def copied(fleet: Fleet, host: Host, live: Connection, action: LintFiles | TryMigration) -> Iterator[Shadow]:
    """Make a shadow of the database of an action during the ``with`` block.

    The shadow is at the server that the setting ``shadow`` of the database names, otherwise at the server of ``live``.
    """
    server, key = database_url(fleet, action.database, "shadow"), action.key
    if server is None:
        with shadow(live, key, run_here) as made:
            yield made
        return
    with tunnel(host, (server.host, server.port)) as local, shadow(live, key, run_here, server, through=local) as made:
        yield made

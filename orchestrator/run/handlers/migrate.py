"""The handlers of the actions `migrate` and `await migration`, which run a command that changes the schema."""

from __future__ import annotations

import time

from paramiko import SSHException
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.database import key_of
from orchestrator.engines.ledger import Ledger
from orchestrator.errors import CommandFailed, NotYet, OrchestratorError, Silent
from orchestrator.facts.migration import Migration, MigrationState, State
from orchestrator.fleet import Fleet
from orchestrator.migrate.marks import changed_by_hand, marked, refuse_different
from orchestrator.operations.migrate import migrate
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, Handler, OperationHandler
from orchestrator.run.schema_lock import name_in_marks, schema_lock
from orchestrator.run.walk import WARNING
from orchestrator.stages.expand import AwaitMigration, Migrate
from orchestrator.waiting import until

POLL = 0.5
"""Seconds between two questions whether the command has ended."""

WAIT = 60.0
"""Seconds to wait until another run has changed the schema of the same database."""

SILENCE = 60.0
"""Seconds for which the node may be silent.

The command does not depend on the connection, so the run connects again meanwhile.
"""


class MigrateHandler(OperationHandler[Migrate]):
    """Starts the command on the node with ``operations/migrate.py``, and waits until the command has ended."""

    output = True

    @classmethod
    @override
    def call(cls, step: Step[Migrate], settings: Settings) -> Call:
        action = step.action
        commands = settings.all_databases[action.database].migrate
        assert commands is not None
        run = {"expand": commands.expand, "check": commands.check, "contract": commands.contract}[action.phase]
        return Call(
            migrate,
            {
                "root": settings.node.root,
                "key": action.key,
                "release": action.release,
                "color": action.color,
                "run": run,
                "as_web": settings.node.as_web if action.user else None,
                "retry": action.retry,
            },
        )

    @override
    def at_host(self, host: Host, step: Step[Migrate], undoing: bool) -> str:
        action = step.action
        with schema_lock(self.fleet, host, WAIT, action.database) as session:
            if session is None or action.phase == "check":
                return self._run(host, step, undoing)
            inventory = name_in_marks(self.fleet)
            ledger = Ledger(session, action.key, action.release)
            marks = ledger.marks()
            refuse_different(marks, action.known, inventory)
            by_hand = changed_by_hand(session, marks)
            with marked(ledger, action.phase, inventory):
                said = self._run(host, step, undoing)
        # only a warning: the application may change tables itself, and notes itself which migrations have run
        return f"{said}\n{WARNING}{by_hand}" if by_hand else said

    def _run(self, host: Host, step: Step[Migrate], undoing: bool) -> str:
        """Start the command, and wait until the command has ended. Return the last line that the command printed."""
        super().at_host(host, step, undoing)
        return judged(step.action.key, ended(self.fleet, host, step.action))


class AwaitMigrationHandler(Handler[AwaitMigration]):
    """Waits until the command has ended, or returns at once if the command was never started."""

    @override
    def at_host(self, host: Host, step: Step[AwaitMigration], undoing: bool) -> str:
        seen = ended(self.fleet, host, step.action)
        if seen.state is State.ABSENT:
            return "the schema was not changed"
        if seen.state is State.UNKNOWN:
            return f"{WARNING}it is unknown how far the command {step.action.key} changed the schema"
        return "the schema stays changed" if seen.code == 0 else f"{WARNING}the schema may be changed in part"


def ended(fleet: Fleet, host: Host, action: Migrate | AwaitMigration) -> MigrationState:
    """Wait until a command that changes the schema no longer runs. Return its last state.

    + host: the node on which the command was started
    + action: the action of the command, or of its undo

    Raises CommandFailed if the command still runs when the database's ``deadline`` is over, and Silent if the
    node does not answer for SILENCE seconds.
    """
    settings, key, name = fleet.settings, action.key, action.database
    database = settings.all_databases.get(name)
    deadline = database.deadline if database else 0.0
    seen: list[MigrationState] = []
    heard = time.monotonic()

    def look() -> None:
        nonlocal heard
        try:
            state = fleet.look(host, Migration, root=settings.node.root, key=key, user=settings.user)
        except (Silent, OSError, EOFError, SSHException):
            if not fleet.answers(host) and time.monotonic() - heard > SILENCE:
                raise
            raise NotYet(f"{host.name} does not say whether the command {key} has ended") from None
        heard = time.monotonic()
        seen.append(state)
        if state.state is State.RUNNING:
            raise NotYet(
                f"the command {key} still changes the schema after {deadline:g} s ({key_of(name)}.deadline), and "
                "continues on the node: wait until the command has ended, then repeat this command"
            )

    until(look, deadline, POLL)
    return seen[-1]


def judged(key: str, seen: MigrationState) -> str:
    """Return the last line that a command printed.

    Raises CommandFailed if the exit status of the command is not 0, and OrchestratorError if the status is unknown.
    """
    if seen.state is not State.ENDED:
        raise OrchestratorError(
            f"it is unknown how the command {key} ended: compare the schema with the migrations, then repeat this "
            "command with --data database=retry"
        )
    if seen.code:
        last = f": {seen.output[-1]}" if seen.output else ""
        raise CommandFailed(f"the command {key} ended with status {seen.code}{last}", seen.output)
    return seen.output[-1] if seen.output else ""

"""Open the session of a verb: open the journal, take the lock, and raise the fence on every host.

The fence is the number of the run. The guard of each host keeps the highest fence that the host has seen, and refuses
commands of older runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from orchestrator import __version__
from orchestrator.errors import OrchestratorError, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.host import HostStore
from orchestrator.journal.records import Begin
from orchestrator.journal.session import Session, owner
from orchestrator.journal.store import Store
from orchestrator.report.terminal import say
from orchestrator.scripts.guarded import Guard, as_user, guarded
from orchestrator.signals import signals


@contextmanager
def begin_session(fleet: Fleet, verb: str, user: str | None = None) -> Iterator[Session]:
    """Take the lock, make the guard of every reachable host refuse commands of older runs, and yield the session.

    When the ``with`` block ends, even by an exception, give the lock back. From the end of the block on, signals
    interrupt nothing.

    + user: the user as which the commands of the store and of the guards run; None for the user who logs in

    Raises Refused if another run holds the lock.
    """
    fleet.prepare_connections()
    session = Session(open_store(fleet, user), owner(verb), say)
    try:
        session.take()
        seen = close_to_older_runs(fleet, session.fence, user)
        if seen > session.fence:
            session.raise_above(seen)
            close_to_older_runs(fleet, session.fence, user)
        yield session
    finally:
        signals.no_more_interrupts()
        session.give_back()


def close_to_older_runs(fleet: Fleet, fence: int, user: str | None = None) -> int:
    """Make the guard of every host refuse commands of older runs, and kill commands that older runs left behind.

    Return the highest fence (run number) that a guard has stored, but at least ``fence``. If the result is higher than
    ``fence``, some guards refuse this run's commands, so this run needs a higher number. A host that cannot be reached
    or has no guard yet is ignored, because the preflight decides about this host.

    + fence: the number of this run
    + user: the user as which the commands run; None for the user who logs in
    """
    node, balancer = fleet.settings.node, fleet.settings.balancer
    deadline = fleet.settings.deadlines.look

    def close(host: Host) -> list[str]:
        layout = balancer if host.name in fleet.balancers else node
        guard = Guard(f"{layout.library}/guard", layout.guard_dir, fence, int(deadline), preempt=True)
        return fleet.shell(host, as_user(user, guarded("true", [], guard)))

    replies = fleet.each([*fleet.nodes, *fleet.balancers], close, deadline)
    refused = [re.search(r"fenced: run \d+ is older than run (\d+)", reply.error or "") for reply in replies]
    return max([fence, *(int(match[1]) for match in refused if match)])


def open_store(fleet: Fleet, user: str | None = None) -> Store:
    """Return the store of lock and journal: S3, or a directory on a host, as the settings say.

    + user: the user as which the store's commands run on the host; None for the user who logs in

    Raises UsageError if the inventory does not have the host, and Refused if the host cannot be reached.
    """
    journal = fleet.settings.journal
    if journal.kind == "s3":
        from orchestrator.journal import s3

        client = partial(s3.client, journal.region, journal.profile, journal.endpoint_url)
        return s3.S3Store(client, str(journal.bucket), journal.prefix or fleet.settings.app)
    first = store_host(fleet)
    if not first.connected:
        raise Refused(f"{first.name}, which holds lock and journal, cannot be reached")

    def shell(command: StringCommand, text: str) -> list[str]:
        reply = fleet.one(
            first.name, lambda host: fleet.shell(host, as_user(user, command), text), fleet.settings.deadlines.look + 5
        )
        if reply.error is not None or reply.value is None:
            raise OrchestratorError(f"{first.name}, which holds lock and journal: {reply.error}")
        return reply.value

    return HostStore(shell, fleet.settings.balancer.journal)


def store_host(fleet: Fleet) -> Host:
    """Return the host that holds the lock and the journal. Call this function only if they are not in S3.

    Raises UsageError if the inventory does not have this host.
    """
    name = fleet.settings.journal.host or next(iter(fleet.balancers or fleet.nodes))
    if name not in fleet.state.inventory.hosts:
        raise UsageError(f"settings: journal.host: the inventory has no host {name}")
    return fleet.host(name)


def begin_record(verb: str) -> Begin:
    """Return the record that begins a run: the verb, the operator's user and machine, and the version of this tool."""
    return Begin(verb, owner(verb).who, __version__)

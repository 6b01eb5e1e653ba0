"""Open the session of a verb: take the lock, raise the fence at every place, and open the journal."""

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
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.signals import signals


@contextmanager
def begin_session(fleet: Fleet, verb: str) -> Iterator[Session]:
    """Take the lock, and make every reachable place refuse older runs. The lock is always given back at the end."""
    fleet.prepare_connections()
    session = Session(open_store(fleet), owner(verb), say)
    try:
        session.take()
        seen = close_to_older_runs(fleet, session.fence)
        if seen > session.fence:
            session.raise_above(seen)
            close_to_older_runs(fleet, session.fence)
        yield session
    finally:
        signals.no_more_interrupts()
        session.give_back()


def close_to_older_runs(fleet: Fleet, fence: int) -> int:
    """Make the guards refuse older runs from now on, and end commands that a killed run left behind.

    The preflight judges places that cannot be reached or have no guard yet. Returns the largest fence (a number that
    grows with each run) that any place has seen.
    """
    node, balancer = fleet.settings.node, fleet.settings.balancer
    deadline = fleet.settings.deadlines.look

    def close(host: Host) -> list[str]:
        layout = balancer if host.name in fleet.balancers else node
        guard = Guard(f"{layout.library}/guard", layout.guard_dir, fence, int(deadline), preempt=True)
        return fleet.shell(host, guarded("true", [], guard))

    replies = fleet.each([*fleet.nodes, *fleet.balancers], close, deadline)
    refused = [re.search(r"fenced: run \d+ is older than run (\d+)", reply.error or "") for reply in replies]
    return max([fence, *(int(match[1]) for match in refused if match)])


def open_store(fleet: Fleet, user: str | None = None) -> Store:
    """Open the store that the settings name: S3, or a directory on a host (by default the first balancer).

    + user: the owner of the directory, if this process logs in as another user (an administrator)
    """
    journal = fleet.settings.journal
    if journal.kind == "s3":
        from orchestrator.journal import s3

        client = partial(s3.client, journal.region, journal.profile, journal.endpoint_url)
        return s3.S3Store(client, str(journal.bucket), journal.prefix or fleet.settings.app)
    name = journal.host or next(iter(fleet.balancers or fleet.nodes))
    if name not in fleet.state.inventory.hosts:
        raise UsageError(f"settings: journal.host: the inventory has no host {name}")
    first = fleet.host(name)
    if not first.connected:
        raise Refused(f"{first.name}, which holds lock and journal, cannot be reached")

    def shell(command: StringCommand, text: str) -> list[str]:
        if user is not None:
            command = StringCommand("runuser", "-u", user, "--", command)
        reply = fleet.one(first.name, lambda host: fleet.shell(host, command, text), fleet.settings.deadlines.look + 5)
        if reply.error is not None or reply.value is None:
            raise OrchestratorError(f"{first.name}, which holds lock and journal: {reply.error}")
        return reply.value

    return HostStore(shell, fleet.settings.balancer.journal)


def begin_record(verb: str) -> Begin:
    """Make the first record of each run of this process."""
    return Begin(verb, owner(verb).who, __version__)

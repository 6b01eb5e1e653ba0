"""Open the session of a verb: open the journal, take the lock, and raise the fence on every host.

The fence is the number of the run. The guard of each host keeps the highest fence that the host has seen, and refuses
commands of older runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import gevent
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from orchestrator import __version__
from orchestrator.errors import NoJournal, OrchestratorError, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.channel import Line
from orchestrator.journal.history import is_decided
from orchestrator.journal.host import HostStore
from orchestrator.journal.records import Begin
from orchestrator.journal.session import LEASE, Session, Unjournaled, Watch, owner
from orchestrator.journal.store import NEWEST, Contents, Store
from orchestrator.report.terminal import say
from orchestrator.scripts.guarded import as_user
from orchestrator.signals import signals
from orchestrator.survey import Looks, look_command
from orchestrator.verbs.noted import OTHER_LOCK, HostNotes, Notes, merged, with_notes


@contextmanager
def begin_session(fleet: Fleet, verb: str, user: str | None = None, looks: bool = False) -> Iterator[Session]:
    """Take the lock, make the guard of every reachable host refuse commands of older runs, and yield the session.

    When the ``with`` block ends, even by an exception, give the lock back. After the block, signals no longer interrupt
    this process.

    + user: the user as which the commands of the store and of the guards run; None for the user who logs in
    + looks: whether the command to the guard of each host also reads the state of the host (`Session.looks`)

    If earlier runs could not write the journal, their notes on the hosts are added to the journal first.

    Raises Refused if another run holds the lock, and NoJournal if the store of lock and journal does not work.
    """
    notes = HostNotes(fleet, user)
    with emergency(verb):
        session = Session(open_store(fleet, user), owner(verb), say, notes)
    try:
        with emergency(verb):
            session.take()
        if session.contents is not None and not _suffices(session.contents, NEWEST):
            session.contents = None
        provisions = verb == "provision"
        closed = close_to_older_runs(fleet, session.fence, user, provisions, looks)
        # an earlier run without a lock has a number that the store does not know: only its notes have this number
        if closed.fence > session.fence or session.fence in closed.notes:
            session.raise_above(max([closed.fence, *closed.notes]))
            closed = close_to_older_runs(fleet, session.fence, user, provisions, looks)
        session.looks = closed.looks
        if closed.notes:
            with emergency(verb):
                session.adopt(closed.notes)
            notes.remove(session.fence, closed.hosts)
        yield session
    finally:
        signals.no_more_interrupts()
        session.give_back()


@contextmanager
def begin_unjournaled(fleet: Fleet) -> Iterator[Session]:
    """Begin a run without lock and journal, and yield its session. All records of the run are noted on the hosts.

    As in ``begin_session``, the guards then refuse commands of older runs. If the lock can be read, wait to see whether
    its holder is alive. Raises Refused if the holder is alive, or if another run begins at the same time.
    """
    contents = _readable(fleet)
    closed = close_to_older_runs(fleet, 0)
    fence = max(closed.fence, *contents.numbers, 0) + 1
    closed = close_to_older_runs(fleet, fence)
    if closed.fence > fence:
        raise Refused(
            "another run has begun at the same time on the hosts, so this run stops: run deploys/status.py to see "
            "the other run, then repeat the command"
        )
    session = Unjournaled(fence, HostNotes(fleet), with_notes(contents, closed.notes), say)
    try:
        yield session
    finally:
        signals.no_more_interrupts()
        if session.noted:
            say(f"this run is noted on {session.noted}: the next command with a journal adds it to the journal")


def _readable(fleet: Fleet) -> Contents:
    """Return the contents of the journal. If the journal cannot be read, print a warning and return empty contents.

    If a run holds the lock, wait to see whether that run is alive. Raises Refused if that run is alive.
    """
    watch = Watch(say)
    try:
        store = open_store(fleet)
        contents = read_runs(store)
        while (held := contents.held) and (held.age is None or held.age < LEASE) and not watch.unchanged:
            watch.sees(held)
            gevent.sleep(1.0)
            contents = read_runs(store)
    except Refused as refusal:
        if not isinstance(refusal, NoJournal):
            raise
        say(f"warning: {UNKNOWN}: {refusal}", fg="yellow")
    except OrchestratorError as error:
        say(f"warning: {UNKNOWN}: {error}", fg="yellow")
    else:
        return contents
    return Contents(None, [])


UNKNOWN = "the journal cannot be read, so it is unknown which runs came before and whether another run is in progress"
EMERGENCY = {
    "rollback": "in an emergency, deploys/rollback.py --data journal=off rolls back without lock and journal",
    "abort": "in an emergency, deploys/abort.py --data journal=off undoes the run without lock and journal",
}
"""Verb -> what the operator can do if lock and journal do not work."""


@contextmanager
def emergency(verb: str) -> Iterator[None]:
    """If lock and journal do not work, tell the operator of a rollback or of an abort how to do without them.

    + verb: the verb of the run

    Raises NoJournal for every error of the store in the ``with`` block.
    """
    try:
        yield
    except NoJournal as error:
        raise NoJournal(f"{error}; {EMERGENCY[verb]}" if verb in EMERGENCY else str(error)) from error


def read_journal(fleet: Fleet, verb: str) -> Contents:
    """Return the contents of the journal. Raises NoJournal if the store does not work.

    + verb: the verb of the command
    """
    with emergency(verb):
        store = open_store(fleet)
        try:
            return read_runs(store)
        except OrchestratorError as error:
            raise NoJournal(str(error)) from error


def read_runs(store: Store) -> Contents:
    """Return the contents of the store, with as many of the newest runs as decide whether a run has to be settled."""
    runs = NEWEST
    contents = store.read()
    while not _suffices(contents, runs):
        runs *= 4
        contents = store.read(runs)
    return contents


def _suffices(contents: Contents, runs: int) -> bool:
    """Return whether the contents decide whether a run has to be settled.

    + runs: the largest number of runs that were read
    """
    return len(contents.runs) < runs or is_decided(contents.runs)


def journal_of(fleet: Fleet, session: Session, verb: str) -> Contents:
    """Return the contents of the journal. A run calls this function after it has taken the lock.

    Raises NoJournal if the store does not work.

    + session: the session of the run. If the session read the journal when it took the lock, and read enough runs, the
      function returns these contents, and sends no command to read the journal again
    + verb: the verb of the run
    """
    return session.contents or read_journal(fleet, verb)


class Closed(NamedTuple):
    """The answers of the guards to a run that begins.

    + fence: the highest fence (run number) that a guard has stored
    + notes: number of an earlier run -> records that this run noted on the hosts
    + hosts: names of the hosts that have answered
    + looks: the states of the hosts after their guards have answered. Hosts whose state could not be read are left out
    """

    fence: int
    notes: Notes
    hosts: tuple[str, ...]
    looks: Looks


LOOK = 3.0
"""Seconds by which the command to a guard may take longer if the command also reads the state of the host."""

LOOKED = "looked"
"""The line of a host's output between the notes and the state of the host. Lines of notes begin with other words."""


def and_look(close: StringCommand, look: StringCommand) -> StringCommand:
    """Return a command that runs ``close``, and, if this succeeds, prints LOOKED, runs ``look``, and prints its status.

    The command succeeds if ``close`` succeeds. The state of a host is read after its guard has refused older runs.
    Therefore no older run changes the host after that.
    """
    begin, end = f" && {{ printf '\\n{LOOKED}\\n'; ", f"; printf '\\n{LOOKED} %s\\n' \"$?\"; }}"
    return StringCommand(close, begin, look, end, _separator="")


def looked(lines: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Divide the output of the command of `and_look` into the output of ``close`` and the output of ``look``.

    The second list is None if ``look`` failed, or if the command did not look.
    """
    found = list(lines)
    if LOOKED not in found:
        return found, None
    at = found.index(LOOKED)
    closing, state = found[:at], found[at + 1 :]
    if not state or state.pop() != f"{LOOKED} 0":
        return closing, None
    # the line break before the last line is an empty line, unless the output of `look` ended without a line break
    return closing, state[:-1] if state and not state[-1] else state


def close_to_older_runs(
    fleet: Fleet, fence: int, user: str | None = None, provisions: bool = False, looks: bool = False
) -> Closed:
    """Make the guard of every host refuse commands of older runs, and kill commands that older runs left behind.

    Return the answers of the guards. The fence of the result is the highest fence (run number) that a guard has stored,
    but at least ``fence``. If it is higher than ``fence``, some guards refuse this run's commands, so this run needs a
    higher number. Two kinds of hosts are ignored:

    * If a host cannot be reached or has no guard yet, the preflight decides about this host later.
    * If another inventory with a different lock has provisioned a host, the guard of this host stays unchanged, because
      a run of that inventory may be at work there.

    + fence: the number of this run
    + user: the user as which the commands run; None for the user who logs in
    + provisions: whether this run is a provisioning
    + looks: whether the same command reads the state of each host
    """
    notes = HostNotes(fleet, user)

    def close(host: Host, locks: str) -> tuple[list[str], list[str] | None]:
        command = notes.command(host, fence, locks, provisions)
        return looked(fleet.shell(host, and_look(command, look_command(fleet, host.name)) if looks else command))

    # A frozen host must not delay a rollback much. If a slow host needs more time, `survey` reads the host alone.
    deadline = fleet.settings.deadlines.look + (LOOK if looks else 0)
    replies = fleet.each([*fleet.nodes, *fleet.balancers], lambda host: close(host, notes.our_lock), deadline)
    # If our lock was on another of our hosts at the last provisioning, a host refuses also this command. Therefore each
    # host that refuses gets a second command, with the names of all our hosts. The first command does not have these
    # names: in a fleet of 1,000 nodes, the commands to all hosts would have a million names.
    if others := [reply.name for reply in replies if OTHER_LOCK in (reply.error or "")]:
        every = f"{notes.our_lock} {notes.our_hosts}"
        again = {reply.name: reply for reply in fleet.each(others, lambda host: close(host, every), deadline)}
        replies = [again.get(reply.name, reply) for reply in replies]
    refused = [re.search(r"fenced: run \d+ is older than run (\d{1,18})", reply.error or "") for reply in replies]
    highest = max([fence, *(int(match[1]) for match in refused if match)])
    answered = {reply.name: reply.value for reply in replies if reply.value is not None}
    states = {name: state for name, (_, state) in answered.items() if state is not None}
    return Closed(highest, merged(said for said, _ in answered.values()), tuple(answered), states)


def read_hosts(fleet: Fleet) -> tuple[Notes, Looks]:
    """Return the notes of all hosts, and the states of the hosts that one command could read together with the notes.

    Nothing is changed.
    """
    notes = HostNotes(fleet)

    def read(host: Host) -> tuple[list[str], list[str] | None]:
        return looked(fleet.shell(host, and_look(notes.reading(host), look_command(fleet, host.name))))

    replies = fleet.each([*fleet.nodes, *fleet.balancers], read, fleet.settings.deadlines.look + LOOK)
    answered = {reply.name: reply.value for reply in replies if reply.value is not None}
    states = {name: state for name, (_, state) in answered.items() if state is not None}
    return merged(said for said, _ in answered.values()), states


def open_store(fleet: Fleet, user: str | None = None) -> Store:
    """Return the store of lock and journal: S3, or a directory on a host, as the settings say.

    + user: the user as which the store's commands run on the host; None for the user who logs in

    Raises UsageError if the inventory does not have the host, and NoJournal if the host cannot be reached.
    """
    journal = fleet.settings.journal
    if journal.kind == "s3":
        from orchestrator.journal import s3

        client = partial(s3.client, journal.region, journal.profile, journal.endpoint_url)
        return s3.S3Store(client, str(journal.bucket), fleet.settings.journal_prefix)
    first = store_host(fleet)
    if not first.connected:
        raise NoJournal(f"{first.name}, which holds lock and journal, cannot be reached")

    def asked(act: Callable[[Host], list[str]]) -> list[str]:
        reply = fleet.one(first.name, act, fleet.settings.deadlines.look + 5)
        if reply.error is not None or reply.value is None:
            raise OrchestratorError(f"{first.name}, which holds lock and journal: {reply.error}")
        return reply.value

    def shell(command: StringCommand, text: str) -> list[str]:
        return asked(lambda host: fleet.shell(host, as_user(user, command), text))

    line = Line(lambda command: fleet.pipe(first, as_user(user, command)), lambda act: asked(lambda host: act()))
    return HostStore(shell, fleet.settings.balancer.journal, line=line)


def store_host(fleet: Fleet) -> Host:
    """Return the host that holds the lock and the journal. Call this function only if they are not in S3.

    Raises UsageError if the inventory does not have this host.
    """
    name = fleet.journal_host
    if name not in fleet.state.inventory.hosts:
        raise UsageError(f"settings: journal.host: the inventory has no host {name}")
    return fleet.host(name)


def begin_record(verb: str) -> Begin:
    """Return the record that begins a run: the verb, the operator's user and machine, and the version of this tool."""
    return Begin(verb, owner(verb).who, __version__)

"""Hold the lock while a run lasts, and write the run's journal."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import gevent

from orchestrator.errors import NoJournal, OrchestratorError, Refused, TakenOver
from orchestrator.journal import clock
from orchestrator.journal.records import Commit, End, Paused, RunRecord, stamped
from orchestrator.journal.short import short
from orchestrator.journal.store import Contents, Held, Lost, Owner, Record, Store

LEASE = 15.0
"""If a run does not renew its lock for this number of seconds, another run may take the lock.

The store measures this time by a clock that is independent of the time of day. If the store has no such clock, the run
that waits for the lock measures the time by its own clock.
"""

RENEW = 5.0
"""Seconds between two renewals of the lock."""


def who() -> str:
    """Return the operator's user and machine, such as ``ann@laptop``."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def owner(verb: str) -> Owner:
    """Return this process as the owner of a lock, with a new random token.

    + verb: the verb that this process runs
    """
    return Owner(who(), os.getpid(), verb, clock.now(), secrets.token_hex(8))


class Notes(Protocol):
    """Keeps records outside of the store, on the hosts of the fleet."""

    def append(self, fence: int, records: Sequence[Record]) -> str:
        """Append records to the notes of a run. Return the names of the hosts that have noted the records.

        + fence: the number of the run

        Raises TakenOver if a newer run has begun. Raises OrchestratorError if no host has noted the records.
        """


class Watch:
    """Watches the holder of a lock, to find out whether the holder is alive.

    + say: prints a line for the operator
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._first: Held | None = None
        self._since = 0.0

    def sees(self, held: Held) -> None:
        """Note the present state of the lock. Raises Refused if the lock was renewed or taken since the first call."""
        if self._first is None:
            self._say(f"locked: {held}; waiting to see whether that run is alive")
            self._first, self._since = held, clock.monotonic()
        elif held.mark != self._first.mark or held.owner != self._first.owner:
            raise Refused(
                f"the lock is held by {held.owner}: wait until that run has ended; only one run at a time may change "
                "the fleet"
            )

    @property
    def unchanged(self) -> str:
        """The text that identifies the holder and its last renewal (`Held.mark`); empty until the lease is over.

        The text is empty until this process has watched the holder for LEASE seconds. If the holder renews the lock
        during this time, `sees` raises Refused.
        """
        over = self._first is not None and clock.monotonic() - self._since >= LEASE
        return self._first.mark if self._first is not None and over else ""


class Session:
    """Holds the lock for one run, renews the lock in the background, and writes the journal of the run.

    If the journal cannot be written at the commit, the commit and all later records go to the notes instead. If the
    record of a pause cannot be written, the run is undone, and the records of the undo go to the notes.

    + store: the store of lock and journal
    + me: this process as the owner of the lock
    + say: prints a line for the operator
    + notes: the notes; None for a command that has no commit
    """

    def __init__(self, store: Store, me: Owner, say: Callable[[str], None], notes: Notes | None = None) -> None:
        self._store = store
        self._me = me
        self._say = say
        self._notes = notes
        self._noting = self._notable = self._given_back = False
        self.noted = ""
        """The names of the hosts that have noted the last records; empty if nothing was noted."""
        self.contents: Contents | None = None
        """The contents of the journal at the moment when this session began; None if the journal must be read."""
        self.looks: Mapping[str, Sequence[str]] = {}
        """Name of a host -> the lines that the host printed about its state when this session began."""
        self._renewing: gevent.Greenlet | None = None
        self._lost = False
        self.fence = 0

    def take(self) -> None:
        """Take the lock, and renew the lock in the background from now on.

        If another run holds the lock, wait until that run renews the lock, or until its lease is over. The lease is
        over LEASE seconds after the last renewal. If the store does not know the time of the last renewal, the lease is
        over when this process has seen no renewal for LEASE seconds. This process measures these seconds by its own
        clock, because somebody may have changed the clock of the store.

        Raises Refused if that run renews the lock, because that run is then alive. Also raises Refused if a third run
        takes the lock first. The message names the holder of the lock. Raises NoJournal if the store does not work.
        """
        answer = self._try()
        watch = Watch(self._say)
        while isinstance(answer, Held):
            watch.sees(answer)
            gevent.sleep(1.0)
            answer = self._try(watch.unchanged)
        self.fence = answer
        # no other run can write to the journal from now on
        self.contents = self._store.seen
        self._renewing = gevent.spawn(self._renew)

    def _try(self, unchanged: str = "") -> int | Held:
        try:
            return self._store.take(self._me, LEASE, unchanged=unchanged)
        except OrchestratorError as error:
            raise NoJournal(str(error)) from error

    def raise_above(self, fence: int) -> None:
        """Give this run a new fence (run number) that is higher than ``fence``.

        + fence: the fence that the guard of a host has stored. The guard's fence may be higher than this run's fence if
          an earlier run used another store.

        Raises TakenOver if another run holds the lock.
        """
        answer = self._store.take(self._me, LEASE, fence)
        if isinstance(answer, Held):
            raise TakenOver(f"another run took over the lock: {answer.owner}; this run stops")
        self.fence = answer

    def _renew(self) -> None:
        while True:
            gevent.sleep(RENEW)
            if self._given_back:
                return
            try:
                self._store.renew(self._me)
            except Lost:
                self._lost = True
                return
            except Exception as error:  # noqa: BLE001 (if the lock is lost, the next write raises Lost)
                # One missed renewal does not lose the lock. If another run has the lock, the next write raises Lost.
                if not self._noting:
                    self._say(f"the lock could not be renewed: {error}")

    def append(self, records: Sequence[RunRecord], last: bool = False) -> None:
        """Write records to the journal, each with the present time.

        If the journal cannot be written at the commit or later, note these and all later records instead, and print a
        warning. Also note records after a pause that could not be written: the journal may have the pause nevertheless,
        and only the records of the undo then tell a later command that the run waits no longer.

        + last: whether this command writes no other records and changes no host from now on. If True, the same request
          also gives the lock back, as soon as the records are written. If the records cannot be written, this process
          holds the lock until `give_back`.

        Raises TakenOver if another run has taken the lock.
        """
        written = [stamped(short(record)) for record in records]
        self._notable = self._notable or any(isinstance(record, Commit) for record in records)
        if self._noting and self._notes is not None:
            self.noted = self._notes.append(self.fence, written)
            return
        try:
            if self._lost:
                raise Lost
            if last:
                self._given_back = self._store.end(self._me, self.fence, written)
            else:
                self._store.append(self._me, self.fence, written)
        except Lost:
            raise TakenOver(
                "another run took over the lock: this run stops, and the other run settles this run"
            ) from None
        except Exception as error:
            if self._notes is None or not self._notable:
                self._notable = any(isinstance(record, Paused) for record in records)
                raise
            self._note_rest(self._notes, written, error)

    def begin(self, records: Sequence[RunRecord]) -> None:
        """Write the first records of a run. Raises NoJournal if the journal cannot be written: nothing was changed yet.

        Raises TakenOver if another run has taken the lock.
        """
        try:
            self.append(records)
        except TakenOver:
            raise
        except OrchestratorError as error:
            raise NoJournal(str(error)) from error

    def _note_rest(self, notes: Notes, written: Sequence[Record], error: Exception) -> None:
        """Note the commit, or records after the commit or a pause. Raises OrchestratorError if no host notes them.

        + error: why the journal could not be written
        """
        try:
            self.noted = notes.append(self.fence, written)
        except TakenOver:
            raise
        except OrchestratorError as also:
            raise OrchestratorError(f"{error}; the run cannot be noted on the hosts either: {also}") from error
        self._noting = True
        self._say(
            f"warning: the journal cannot be written ({error}): the rest of this run is noted on {self.noted}, and the "
            "next command adds it to the journal"
        )

    def end(self, record: End, last: bool = True) -> None:
        """Write the end of a run. If the journal cannot be written, only print a warning: the run has ended.

        + last: as for ``append``. False if hooks still run after the end

        Raises TakenOver if another run has taken the lock.
        """
        try:
            self.append([record], last)
        except TakenOver:
            raise
        except Exception as error:  # noqa: BLE001 (this error does not change the result of the run)
            self._say(f"warning: the end of the run could not be written to the journal: {error}")

    def adopt(self, notes: Mapping[int, Sequence[Record]]) -> None:
        """Add the notes of earlier runs to the journal, and say so. Raises NoJournal if the store does not work.

        + notes: number of a run -> records of this run that could not be written to the journal
        """
        self.contents = None
        for number, records in sorted(notes.items()):
            try:
                self._store.adopt(self._me, number, records)
            except Lost:
                raise TakenOver("another run took over the lock: this run stops") from None
            except OrchestratorError as error:
                raise NoJournal(f"the notes of run {number} cannot be added to the journal: {error}") from error
            self._say(f"run {number} could not write the journal: its notes on the hosts are in the journal now")

    def give_back(self) -> None:
        """Stop renewing the lock, and give the lock back at the end of the run, unless the last record gave it back.

        If another run has taken the lock, do not change the lock. If giving back fails, only print a warning, because
        the run has ended.
        """
        if self._renewing is not None:
            self._renewing.kill()
        if self._lost or self._given_back:
            return
        try:
            self._store.give_back(self._me)
        except Exception as error:  # noqa: BLE001 (this error does not change the result of the run)
            self._say(f"the lock could not be given back; another run can take the lock in {LEASE:.0f} s: {error}")


class Unjournaled(Session):
    """A session without lock and journal, for a rollback or an abort in an emergency. All records go to the notes.

    + fence: the number of the run
    + contents: the contents of the journal, as far as they can be read, and the notes of earlier runs
    """

    def __init__(self, fence: int, notes: Notes, contents: Contents, say: Callable[[str], None]) -> None:
        # this method does not call the method of the base class, because there is no store
        self._noting, self._notes, self._say = True, notes, say
        self._notable = self._given_back = False
        self._lost, self._renewing = False, None
        self.fence = fence
        self.noted = ""
        self.contents = contents
        self.looks = {}

"""Define the interface of a store, which keeps one lock and the append-only journals of runs.

The lock has a lease: if the holder does not renew the lock in time, another run may take the lock. Each run that takes
the lock gets a fence, a number that is larger than all earlier fences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import override

from orchestrator.errors import Internal

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Owner:
    """The owner of the lock.

    + who: user and machine
    + pid: process id
    + verb: the verb that runs
    + since: UTC time at which the lock was taken, ISO 8601
    + token: a random text. Only the process that knows the token can renew the lock and give it back.
    """

    who: str
    pid: int
    verb: str
    since: str
    token: str

    @override
    def __str__(self) -> str:
        return f"{self.who} (process {self.pid}) runs {self.verb} since {self.since}"


@dataclass(frozen=True)
class Held:
    """A lock that is held.

    + owner: the holder of the lock, without the token
    + age: seconds since the holder's last renewal, by the store's clock
    """

    owner: Owner
    age: float


@dataclass(frozen=True)
class Contents:
    """The contents of a store.

    + held: the holder of the lock; None if the lock is free
    + runs: the records of each of the newest runs, oldest run first
    """

    held: Held | None
    runs: Sequence[Sequence[Record]]


class Lost(Internal):
    """The store refused a write, because this process no longer holds the lock."""


class Store(Protocol):
    """A store of one lock and of the journals of runs.

    In all methods, ``owner`` is this process as the owner of the lock.
    """

    def take(self, owner: Owner, lease: float, above: int = 0) -> int | Held:
        """Take the lock atomically, and return the new fence (run number).

        If another owner holds the lock and its lease is not over, change nothing and return the holder of the lock.

        + lease: how many seconds after the last renewal a holder keeps the lock
        + above: the new fence is larger than this number. If earlier runs used another store, a guard may have stored
          a higher fence than this store knows: then pass the fence of the guard.
        """

    def renew(self, owner: Owner) -> None:
        """Renew the lease of the lock. Raises Lost if this process no longer holds the lock."""

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        """Append records to the journal of a run, so that they survive a crash. This also renews the lease of the lock.

        + fence: the number of the run

        Raises Lost if this process no longer holds the lock.
        """

    def give_back(self, owner: Owner) -> None:
        """Give the lock back. Does nothing if this process does not hold the lock."""

    def break_lock(self, held: Held) -> None:
        """Free the lock if the owner in ``held`` still holds it.

        Does nothing if the lock is free or another owner holds the lock by now.
        """

    def read(self, runs: int = 20) -> Contents:
        """Return the holder of the lock and the records of the newest runs.

        + runs: how many of the newest runs to read at most
        """

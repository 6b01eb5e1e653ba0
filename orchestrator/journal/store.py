"""The interface of a store: a lock with a lease and a fence, and append-only journals of runs.

A fence is a number that grows with each run.
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
    + verb: the verb that runs
    + since: UTC time at which the lock was taken, ISO 8601
    + token: a random text; only the process that has it can renew the lock and give it back
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
    """Another owner holds the lock.

    + age: seconds since the holder's last renewal, by the store's clock
    """

    owner: Owner
    age: float


@dataclass(frozen=True)
class Contents:
    """The contents of a store: the lock's holder, if any, and the records of the newest runs, oldest run first."""

    held: Held | None
    runs: Sequence[Sequence[Record]]


class Lost(Internal):
    """The store refused a write, because this process no longer holds the lock."""


class Store(Protocol):
    """The place of the lock and the journals."""

    def take(self, owner: Owner, lease: float, above: int = 0) -> int | Held:
        """Take the lock atomically. Returns the fence number, or the holder if it has renewed within the lease.

        + lease: seconds after its last renewal until a lock may be taken over
        + above: a number that the fence must exceed, because places may have seen a larger fence of another store
        """

    def renew(self, owner: Owner) -> None:
        """Renew the lease. Raises Lost."""

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        """Append records durably to the journal of the run with this fence. Raises Lost."""

    def give_back(self, owner: Owner) -> None:
        """Give the lock back. Does nothing if this process does not hold the lock."""

    def break_lock(self, held: Held) -> None:
        """Take the lock away from the owner that was seen to hold it. Does nothing if another owner holds it by now."""

    def read(self, runs: int = 20) -> Contents:
        """Read the contents of the store.

        + runs: the largest number of runs to read, the newest ones
        """

"""The small interface of a store: a lock with a lease and a growing fence, and append-only journals of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import override

from orchestrator.errors import Internal

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Owner:
    """Who holds the lock.

    + who: user and machine
    + verb: what runs
    + since: UTC time at which it was taken, ISO 8601
    + token: random; only its holder can renew and give the lock back
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
    """The lock is held by somebody else.

    + age: seconds since the holder's last renewal, by the store's clock
    """

    owner: Owner
    age: float


@dataclass(frozen=True)
class Contents:
    """What a store holds: the lock, if any, and the records of the newest runs, oldest run first."""

    held: Held | None
    runs: Sequence[Sequence[Record]]


class Lost(Internal):
    """The lock is no longer ours: the store refused a write."""


class Store(Protocol):
    """Where the lock and the journals are."""

    def take(self, owner: Owner, lease: float, above: int = 0) -> int | Held:
        """Take the lock atomically: its fence number, or who holds it and has renewed within the lease.

        + above: the fence is larger than this, too: places may have seen one of another store
        """

    def renew(self, owner: Owner) -> None:
        """Say that we live. Raises Lost."""

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        """Append records to the journal of the run with this fence, durably. Raises Lost."""

    def give_back(self, owner: Owner) -> None:
        """Give the lock back; does nothing if it is not ours."""

    def break_lock(self, held: Held) -> None:
        """Take the lock away from the owner that was seen to hold it; nothing happens if it is another's by now."""

    def read(self, runs: int = 20) -> Contents:
        """What the store holds."""

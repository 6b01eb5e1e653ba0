"""Define the interface of a store, which keeps one lock and the append-only journal of all runs.

The lock has a lease: if the holder does not renew the lock in time, another run may take the lock. Each run that takes
the lock gets a fence, a number that is larger than all earlier fences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import override

from orchestrator.errors import Internal

Record = Mapping[str, Any]

NEWEST = 20
"""Number of newest runs that a command reads."""


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

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Owner:
        """Return the owner that any version of this tool wrote: unknown keys are ignored, missing keys become ``?``."""
        pid = data.get("pid")
        who, verb, since = (str(data.get(key, "?")) for key in ("who", "verb", "since"))
        return cls(who, pid if isinstance(pid, int) else 0, verb, since, str(data.get("token", "")))


UNKNOWN = Owner("an unknown owner", 0, "?", "?", "")
"""The owner of a lock whose file cannot be read."""


@dataclass(frozen=True)
class Held:
    """A lock that is held.

    + owner: the holder of the lock, without the token
    + age: seconds since the holder's last renewal, by a clock of the store that is independent of the time of day; None
      if unknown
    + mark: a text that identifies the holder and the last renewal. Each renewal changes the mark
    """

    owner: Owner
    age: float | None
    mark: str = ""

    @override
    def __str__(self) -> str:
        heard = "at an unknown time" if self.age is None else f"{self.age:.0f} s ago"
        return f"{self.owner}, last heard of {heard}"


@dataclass(frozen=True)
class Remark:
    """A remark about a file of the store that cannot be read completely.

    + text: one line that names the file, and says what was left out
    + run: index of the run in ``Contents.runs``; None if the file does not belong to a run
    """

    text: str
    run: int | None = None


@dataclass(frozen=True)
class Contents:
    """The contents of a store.

    + held: the holder of the lock; None if the lock is free
    + runs: the records of each of the newest runs, oldest run first
    + numbers: the number of each run in ``runs``
    + remarks: remarks about files that could not be read completely
    """

    held: Held | None
    runs: Sequence[Sequence[Record]]
    numbers: Sequence[int] = ()
    remarks: Sequence[Remark] = ()

    def remarks_since(self, run: int) -> Iterable[str]:
        """Yield the remarks about the lock, and about all runs whose index in ``runs`` is ``run`` or higher."""
        return (remark.text for remark in self.remarks if remark.run is None or remark.run >= run)


class Lost(Internal):
    """The store refused a write, because this process no longer holds the lock."""


class Store(Protocol):
    """A store of one lock and of the journal of all runs.

    In all methods, ``owner`` is this process as the owner of the lock.

    + seen: the contents of the store at the moment when `take` has taken the lock, with the NEWEST runs. None if `take`
      has not read them
    """

    seen: Contents | None

    def take(self, owner: Owner, lease: float, above: int = 0, unchanged: str = "") -> int | Held:
        """Take the lock atomically, and return the new fence (run number).

        If another owner holds the lock and its lease is not over, change nothing and return the holder of the lock.

        + lease: how many seconds after the last renewal a holder keeps the lock
        + unchanged: the mark of a holder that the caller has watched for ``lease`` seconds. If the lock still has this
          mark, the lease of the holder is over. Empty if the caller has watched no holder.
        + above: the new fence is larger than this number. If earlier runs used another store, a guard may have stored
          a higher fence than this store knows: then pass the fence of the guard.
        """

    def renew(self, owner: Owner) -> None:
        """Renew the lease of the lock. Raises Lost if this process no longer holds the lock."""

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        """Append records to the journal of a run, so that they survive a crash. Also renew the lease of the lock.

        + fence: the number of the run

        Raises Lost if this process no longer holds the lock.
        """

    def end(self, owner: Owner, fence: int, records: Sequence[Record]) -> bool:
        """Append the last records of a command, as ``append`` does, and then give the lock back.

        The lock is given back only after the records would survive a crash. Return whether the lock was given back. If
        the result is False, the records are written, but the lock is still held.

        + fence: the number of the run

        Raises Lost if this process no longer holds the lock.
        """

    def give_back(self, owner: Owner) -> None:
        """Give the lock back. Does nothing if this process does not hold the lock."""

    def break_lock(self, held: Held) -> None:
        """Free the lock if the owner in ``held`` still holds it, even if the owner has renewed the lock since.

        Does nothing if the lock is free or another owner holds the lock by now.
        """

    def adopt(self, owner: Owner, number: int, records: Sequence[Record]) -> None:
        """Append records to the journal of an earlier run, which could not write them itself.

        + number: the number of the earlier run

        Raises Lost if this process no longer holds the lock.
        """

    def read(self, runs: int = NEWEST) -> Contents:
        """Return the holder of the lock and the records of the newest runs.

        If a file cannot be read completely, the result has the rest of its records, and a remark.

        + runs: the largest number of runs to read, the newest runs first
        """

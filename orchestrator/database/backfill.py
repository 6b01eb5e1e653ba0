"""The state of backfills: what is done, what the operator reads, and what must wait for their end. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.database.files import Change, File, checksum
from orchestrator.database.ledger import Row, Work, complete, tables
from orchestrator.database.model import Engine, Phase
from orchestrator.database.ranges import Misfit, ranged
from orchestrator.errors import Refused

SMALLEST = 1
"""Rows of the smallest batch: such a batch waits for the lock of a row and holds no other lock meanwhile."""
FIRST = 500
"""Rows of the first batch, before it is known how long a batch takes."""
WINDOW = 30.0
"""Seconds over which the speed of a backfill is computed."""


@dataclass(frozen=True)
class Progress:
    """A row of the ledger: how far the backfill of a change has come.

    + checksum: of the statement
    + done: all rows were passed
    + last: the key of the last row that was passed, as text; None before the first row
    + end: the greatest key when the backfill began, as text; None if the table was empty
    + rows: number of rows that were passed
    + total: number of rows of the table when the backfill began; an estimate if the table is large
    + rate: rows per second
    + paused: the operator who has paused the backfill; empty if the backfill is not paused
    + run: name of the last run
    + host: the machine of the last run
    + updated: time of the last batch (UTC)
    + error: why the last run stopped; empty if it did not fail
    """

    change: str
    checksum: str
    done: bool
    last: str | None
    end: str | None
    rows: int
    total: int
    rate: float = 0
    paused: str = ""
    run: str = ""
    host: str = ""
    updated: str = ""
    error: str = ""

    @property
    def share(self) -> int:
        """Per cent of the rows that were passed. Rows that were added meanwhile do not count."""
        if self.done:
            return 100
        if not self.total:
            return 0
        return min(99, self.rows * 100 // self.total)

    @property
    def counts(self) -> str:
        """Number of rows and per cent, such as ``45,000 of 100,000 rows (45%)``."""
        if self.done:
            return f"{self.rows:,} rows"
        return f"{self.rows:,} of {max(self.total, self.rows):,} rows ({self.share}%)"

    @property
    def speed(self) -> str:
        """Rows per second, and the time that is left at this speed; empty if the speed is not known."""
        if self.rate <= 0:
            return ""
        return f"{self.rate:,.0f} rows/s, {_duration(max(0, self.total - self.rows) / self.rate)} left"


@dataclass(frozen=True)
class Pace:
    """How fast a backfill runs.

    + most: rows of the largest batch
    + seconds: how long a batch should take
    + sleep: seconds between two batches
    """

    most: int = 5000
    seconds: float = 0.05
    sleep: float = 0.05

    @property
    def first(self) -> int:
        """Rows of the first batch."""
        return min(FIRST, self.most)

    def next(self, rows: int, took: float) -> int:
        """Return the number of rows of the next batch, so that the batch takes about ``seconds``.

        The number is at most twice and at least half the number of ``rows``, and at most ``most``.

        + rows: rows of a batch
        + took: seconds that this batch took
        """
        fits = round(rows * self.seconds / max(took, 0.0001))
        return min(self.most, max(SMALLEST, rows // 2, min(rows * 2, fits)))

    def smaller(self, rows: int) -> int:
        """Rows of the next attempt after a batch of ``rows`` rows, if another session holds the lock of a row."""
        return max(SMALLEST, rows // 10)


@dataclass
class Speed:
    """Computes the rows per second over the last seconds."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now: float, rows: int) -> float:
        """Note the number of all rows up to now, and return the rows per second.

        + now: seconds of a clock
        """
        self.seen.append((now, rows))
        while len(self.seen) > 2 and self.seen[0][0] < now - WINDOW:
            self.seen.popleft()
        began, before = self.seen[0]
        return (rows - before) / (now - began) if now > began else 0.0


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def edited(change: Change, known: Progress | None, engine: Engine) -> bool:
    """Whether the statement of a backfill was edited after the backfill began."""
    return known is not None and known.checksum != digest(change.files[Phase.BACKFILL], engine)


def digest(file: File, engine: Engine) -> str:
    """The checksum of the statement of a backfill."""
    return checksum("\n".join(one.text for one in file.statements(engine)))


def described(change: Change, progress: Mapping[str, Progress], session: str, engine: Engine) -> str:
    """The state of a backfill, for the operator.

    + session: the session that runs a backfill at present; empty if none does
    """
    known = progress.get(change.name)
    if known is None:
        return "pending"
    words = ["done", known.counts] if known.done else [known.counts]
    if not known.done:
        if known.paused:
            words.append(f"paused by {known.paused}")
        elif session:
            words += [*filter(None, [known.speed]), f"running in {session}"]
        else:
            words.append(f"stopped at {known.updated} UTC{f' ({known.error})' if known.error else ''}")
    if edited(change, known, engine):
        words.append("edited since")
    return ", ".join(words)


def unfinished(
    changes: Sequence[Change], rows: Iterable[Row], progress: Mapping[str, Progress], engine: Engine
) -> list[Change]:
    """Return the changes whose backfill is not done, but has begun, or may begin because the expand has run."""
    ran, known = list(rows), progress
    return [
        change
        for change in changes
        if Phase.BACKFILL in change.files
        and not (change.name in known and known[change.name].done)
        and (change.name in known or (Phase.EXPAND in change.files and complete(change, Phase.EXPAND, ran, engine)))
    ]


def _tables(file: File, engine: Engine) -> set[str]:
    """Names of the tables that a backfill reads by ranges or fills."""
    found = ranged(file.statements(engine), engine)
    if isinstance(found, Misfit):
        return tables(file, engine)
    return {parts[-1].lower() for parts in (found.table, found.target) if parts}


def refuse_unfinished(works: Sequence[Work], changes: Sequence[Change], progress: Mapping[str, Progress]) -> None:
    """Raise Refused if the contract of a change is to run, but the backfill of this change is not done.

    + works: the contract files that are to run
    """
    wanted = {work.file.change for work in works}
    for change in (one for one in changes if one.name in wanted and Phase.BACKFILL in one.files):
        known = progress.get(change.name)
        if known is None or not known.done:
            how = "has not begun" if known is None else f"is not finished: {known.counts}"
            raise Refused(f"{change.files[Phase.BACKFILL].name} {how}. Run orchestrator db backfill first")


def refuse_beside(
    works: Sequence[Work],
    changes: Sequence[Change],
    rows: Iterable[Row],
    progress: Mapping[str, Progress],
    engine: Engine,
) -> None:
    """Raise Refused if an expand file is to run, but names a table of another change whose backfill is not finished.

    + works: the expand files that are to run
    """
    for change in unfinished(changes, rows, progress, engine):
        file = change.files[Phase.BACKFILL]
        for work in (one for one in works if one.file.change != change.name):
            text = " ".join(step.statement for step in work.steps).lower()
            common = sorted(name for name in _tables(file, engine) if re.search(rf"\b{re.escape(name)}\b", text))
            if common:
                known = progress.get(change.name)
                how = f": {known.counts}" if known else ""
                raise Refused(
                    f"{file.name} is not finished{how}, and {work.file.name} changes the same table"
                    f" ({', '.join(common)}): run orchestrator db backfill first"
                )

"""Runs a backfill in batches. The transaction of a batch also writes into the ledger which row was the last.

Therefore each row is passed exactly once, also if this process or the server is killed at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from orchestrator.database.backfill import SMALLEST, Pace, Progress, Speed, digest
from orchestrator.database.files import File
from orchestrator.database.ranges import Ranged
from orchestrator.engines.base import PATIENCE, Connection
from orchestrator.engines.keys import Keys, Range
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.phase import Pause, Tell
from orchestrator.engines.throttle import Throttle
from orchestrator.errors import BackfillPaused, ConnectionLost, LockBusy, OrchestratorError, StatementFailed

LOOK = 1.0
"""Seconds between two checks whether a backfill must still wait."""
Show = Callable[[Progress], None]


@dataclass(frozen=True)
class Ways:
    """How a backfill runs.

    + pace: how fast
    + throttle: says whether the backfill must wait
    + tell: gets lines for the operator
    + show: gets the progress after each batch
    + patience: seconds for which a batch waits for locks of other sessions
    + pause: waits for a number of seconds, and raises Interrupted if the run must stop
    """

    pace: Pace
    throttle: Throttle
    tell: Tell
    show: Show
    patience: float = PATIENCE
    pause: Pause = time.sleep


def begin(ledger: Ledger, file: File, keys: Keys, known: Progress | None) -> Progress:
    """Note in the ledger that this run begins or continues a backfill, and return how far the backfill has come.

    A backfill that is done begins again at the first row, and so does a backfill whose statement was edited.

    + known: how far earlier runs have come; None if there were none
    """
    checksum = digest(file, ledger.connection.engine)
    if known is None or known.done or known.checksum != checksum:
        now = Progress(file.change, checksum, done=False, last=None, end=keys.end(), rows=0, total=keys.count())
    else:
        now = replace(known, paused="", error="")
    now = replace(now, run=ledger.run)
    [statement] = file.statements(ledger.connection.engine)
    ledger.begin(now, statement.text)
    return now


def run_backfill(ledger: Ledger, file: File, ranged: Ranged, keys: Keys, progress: Progress, ways: Ways) -> Progress:
    """Run all batches that are left, and return the progress at the end.

    Raises StatementFailed if a batch fails, Blocked if another session holds the lock of a row for too long, and
    BackfillPaused if an operator has paused the backfill.
    """
    running = _Running(ledger, file, ranged, keys, progress, ways)
    ledger.connection.read_committed()
    ledger.connection.hurry(brief=True)
    try:
        running.run()
    except ConnectionLost:
        raise
    except OrchestratorError as error:
        if not isinstance(error, BackfillPaused):
            with suppress(OrchestratorError, LockBusy):
                ledger.stopped(file.change, str(error))
        raise
    finally:
        with suppress(OrchestratorError):
            ledger.connection.hurry(brief=False)
    return running.progress


class _Running:
    """A backfill that runs.

    + progress: how far the backfill has come; all of this is committed
    + size: rows of the next batch
    """

    def __init__(self, ledger: Ledger, file: File, ranged: Ranged, keys: Keys, progress: Progress, ways: Ways) -> None:
        self.ledger, self.file, self.ranged, self.keys, self.ways = ledger, file, ranged, keys, ways
        self.progress = progress
        self.size = ways.pace.first
        self.speed = Speed()
        self.speed.add(time.monotonic(), progress.rows)

    @property
    def connection(self) -> Connection:
        return self.ledger.connection

    def run(self) -> None:
        self.wait(0)
        while True:
            try:
                self.batch()
            except LockBusy:
                self.smaller()
            self.ways.show(self.progress)
            if self.progress.done:
                return
            self.wait(self.ways.pace.sleep)

    def smaller(self) -> None:
        """Continue with a smaller batch, because another session holds a lock.

        If the batch has only one row, this method waits for the lock. Such a batch holds no other lock meanwhile.
        """
        if self.size > SMALLEST:
            self.size = self.ways.pace.smaller(self.size)
            return
        what = f"{self.file.name} ({self.progress.counts})"
        self.connection.hurry(brief=False)
        try:
            self.connection.retry(self.batch, what, self.ways.patience, self.ways.tell, self.wait)
        finally:
            self.connection.hurry(brief=True)

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds, and then until ``throttle`` no longer says that the backfill must wait.

        Raises BackfillPaused if an operator has paused the backfill.
        """
        self.ways.pause(seconds)
        said = ""
        while True:
            who = self.ledger.paused(self.file.change)
            if who:
                raise BackfillPaused(
                    f"{who} has paused {self.file.name} ({self.progress.counts}): orchestrator db backfill goes on"
                )
            why = self.ways.throttle.why()
            if not why:
                break
            if not said:
                self.ways.tell(f"{self.file.name} waits, because {why}")
            said = why
            self.ways.pause(LOOK)
        if said:
            self.ways.tell(f"{self.file.name} goes on")

    def batch(self) -> None:
        """Change the rows of the next range, and write in the same transaction that they are done."""
        end = self.progress.end
        rows = None if end is None else self.keys.after(self.progress.last, end, self.size)
        began = time.monotonic()
        with self.connection.transaction():
            if rows is not None:
                self.change(rows)
            after = self.after(rows)
            self.ledger.advance(self.progress, after)
        self.progress = after
        if rows is not None:
            self.size = self.ways.pace.next(self.size, time.monotonic() - began)

    def change(self, rows: Range) -> None:
        """Run the statement for a range."""
        bounds = (self.keys.value(rows.first), self.keys.value(rows.last))
        try:
            self.connection.query(self.ranged.statement, bounds)
        except ConnectionLost:
            raise
        except StatementFailed as error:
            raise StatementFailed(
                f"{self.file.name}, rows with {self.ranged.key} from {rows.first} to {rows.last}: {error}", error.code
            ) from None

    def after(self, rows: Range | None) -> Progress:
        """The progress after a range; None after the last range."""
        if rows is None:
            return replace(self.progress, done=True)
        number = self.progress.rows + rows.rows
        return replace(
            self.progress,
            done=rows.last == self.progress.end,
            last=rows.last,
            rows=number,
            rate=self.speed.add(time.monotonic(), number),
        )

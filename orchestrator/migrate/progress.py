"""Shows the progress of a backfill: on a terminal a line that changes, and elsewhere a line from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from orchestrator.database.backfill import Progress

TERMINAL = 0.2
"""Seconds between two changes of the line on a terminal."""
ELSEWHERE = 10.0
"""Seconds between two lines, if the output is not a terminal."""


class Display:
    """Writes lines and progress.

    + clock: returns seconds
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.out = out
        self.clock = clock
        self._terminal = out.isatty()
        self._open = False
        self._next = clock() + (TERMINAL if self._terminal else ELSEWHERE)

    def tell(self, line: str) -> None:
        """Write a line that later lines do not replace."""
        self.end()
        self.out.write(f"{line}\n")
        self.out.flush()

    def show(self, progress: Progress) -> None:
        """Write how far a backfill has come, unless this was written a short time ago."""
        if self.clock() < self._next:
            return
        self._next = self.clock() + (TERMINAL if self._terminal else ELSEWHERE)
        line = ", ".join(filter(None, [f"{progress.change}.backfill.sql: {progress.counts}", progress.speed]))
        if not self._terminal:
            self.tell(line)
            return
        # go back to the beginning of the line, write the new text, and remove the rest of the former text
        self.out.write(f"\r{line}\x1b[K")
        self.out.flush()
        self._open = True

    def end(self) -> None:
        """End the line that changes."""
        if self._open:
            self.out.write("\n")
            self.out.flush()
            self._open = False

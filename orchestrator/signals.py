"""Handle signals from the moment the inventory is read.

pyinfra's own SIGINT handler exits with status 0 and runs no ``finally``. On SIGTERM, pyinfra ends at once.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from enum import Enum
from types import FrameType

import click
import gevent

from orchestrator.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Mode(Enum):
    """The present effect of a signal."""

    nothing_begun = "nothing was changed"
    running = "undoing"
    finishing = "please wait: this cannot be interrupted"


class Signals:
    """Turn signals into Interrupted in the greenlet of a run, as long as the run can still be undone."""

    def __init__(self) -> None:
        self.mode = Mode.nothing_begun
        self._driver: gevent.Greenlet | None = None

    def install(self) -> None:
        """Handle SIGINT, SIGTERM and SIGHUP. A signal that is ignored (as under nohup) stays ignored."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def drive(self) -> None:
        """Let signals interrupt the calling greenlet from now on."""
        self._driver = gevent.getcurrent()
        self.mode = Mode.running

    def no_more_interrupts(self) -> None:
        """Answer signals only with a line from now on: the run is undoing, or finishing."""
        self.mode = Mode.finishing

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.mode is Mode.nothing_begun:
            warn(f"{name}: stopped before anything was changed")
            if gevent.getcurrent().parent is None:
                # pyinfra's own greenlet, perhaps in its question: SystemExit lets it restore the terminal
                raise SystemExit(128 + number)
            # Any other greenlet (for example, one that connects) would treat an exception as its own failure, and the
            # run would go on.
            os._exit(128 + number)
        if self.mode is Mode.finishing:
            warn(f"{name}: {Mode.finishing.value}")
            return
        gevent.spawn(self._throw, Interrupted(number, name))

    def _throw(self, reason: Interrupted) -> None:
        # the run may have moved on since the signal came; only one signal may interrupt it
        if self.mode is Mode.running and self._driver is not None:
            self.mode = Mode.finishing
            warn(f"{reason.name}: {Mode.running.value}")
            self._driver.throw(reason)
        else:
            warn(f"{reason.name}: {Mode.finishing.value}")


signals = Signals()
"""The only instance, because a process has only one set of signal handlers."""


def warn(line: str) -> None:
    """Write a line to the terminal, if there is one.

    ``sys.stderr`` is not used: a signal may arrive in the middle of a write, and the terminal may be gone.
    """
    text = click.style(line, fg="yellow", bold=True) if os.isatty(2) else line
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())

"""Make SIGINT, SIGTERM and SIGHUP undo the run, as long as the run can still be undone.

The handlers are installed when pyinfra reads the inventory. Without these handlers, SIGINT ends pyinfra with status 0
and skips its ``finally`` blocks, and SIGTERM ends pyinfra at once.
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
    """The present effect of a signal.

    + nothing_begun: a signal ends the process, because nothing was changed yet
    + running: a signal interrupts the run, which is then undone
    + finishing: a signal only prints a line, because the run is being undone or is ending
    """

    nothing_begun = "nothing was changed"
    running = "undoing"
    finishing = "please wait: the run can no longer be interrupted"


class Signals:
    """Turns a signal into the exception Interrupted in the greenlet of a run, while the run can still be undone."""

    def __init__(self) -> None:
        self.mode = Mode.nothing_begun
        self._driver: gevent.Greenlet | None = None
        self._then = Mode.running.value

    def install(self) -> None:
        """Install the handlers of SIGNALS.

        If the process ignores a signal (such as SIGHUP under nohup), keep ignoring it.
        """
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def drive(self, then: str = Mode.running.value) -> None:
        """From now on, let a signal raise Interrupted in the calling greenlet.

        + then: what the operator reads after a signal
        """
        self._then = then
        self._driver = gevent.getcurrent()
        self.mode = Mode.running

    def no_more_interrupts(self) -> None:
        """From now on, let a signal only print a line, because the run is being undone or is ending."""
        self.mode = Mode.finishing

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.mode is Mode.nothing_begun:
            warn(f"{name}: stopped before anything was changed")
            if gevent.getcurrent().parent is None:
                # this is pyinfra's main greenlet, which may be asking the operator: SystemExit lets it restore the
                # terminal
                raise SystemExit(128 + number)
            # Any other greenlet (for example, a greenlet that connects to a host) would treat an exception as its own
            # failure, and the run would go on.
            os._exit(128 + number)
        if self.mode is Mode.finishing:
            warn(f"{name}: {Mode.finishing.value}")
            return
        gevent.spawn(self._throw, Interrupted(number, name))

    def _throw(self, reason: Interrupted) -> None:
        # the mode may have changed since the signal came; only one signal may interrupt the run
        if self.mode is Mode.running and self._driver is not None:
            self.mode = Mode.finishing
            warn(f"{reason.name}: {self._then}")
            self._driver.throw(reason)
        else:
            warn(f"{reason.name}: {Mode.finishing.value}")


signals = Signals()
"""The only object of the class `Signals`, because a process has only one set of signal handlers."""


def warn(line: str) -> None:
    """Write a line to standard error. If the terminal is gone, drop the line.

    Signal handlers call this function, perhaps while Python is writing to ``sys.stderr``. Therefore this function does
    not use ``sys.stderr``.
    """
    text = click.style(line, fg="yellow", bold=True) if os.isatty(2) else line
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())

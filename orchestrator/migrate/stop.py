"""A signal stops a command between two steps, and not within a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Notes that a signal has come. The present statement still runs to its end, and its result is noted."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._number = 0

    def pause(self, seconds: float) -> None:
        """Wait for a number of seconds. Raises Interrupted if a signal comes or has come."""
        if self._asked.wait(seconds):
            raise Interrupted(self._number, signal.Signals(self._number).name)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note signals during the ``with`` block."""
        former = {number: signal.getsignal(number) for number in SIGNALS}
        for number, handler in former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        self._asked.set()

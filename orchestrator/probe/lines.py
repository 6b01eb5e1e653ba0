"""Read lines from the standard input while an event loop runs."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable


def from_stdin(loop: asyncio.AbstractEventLoop, line: Callable[[str], None], end: Callable[[], None]) -> None:
    """Begin to read the standard input, and return at once.

    A thread reads the input, because an event loop cannot wait for every kind of file. The event loop calls the
    functions `line` and `end`.

    + line: function that is called with each line, without its line feed
    + end: function that is called when the input has ended
    """

    def read() -> None:
        rest = b""
        while data := _more():
            *lines, rest = (rest + data).split(b"\n")
            for one in lines:
                loop.call_soon_threadsafe(line, one.decode("utf-8", "replace"))
        loop.call_soon_threadsafe(end)

    def guarded() -> None:
        try:
            read()
        except RuntimeError:  # the event loop has already ended, so nothing waits for lines
            return

    threading.Thread(target=guarded, name="stdin", daemon=True).start()


def _more() -> bytes:
    try:
        return os.read(0, 65536)
    except OSError:
        return b""

"""The wait for a color to end what it is doing, and the line that says what was cut when it did not."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.facts.idle import InFlight
from orchestrator.model import Color


def drained(
    look: Callable[[], InFlight | str],
    limit: float,
    still: float = 0.0,
    interval: float = 0.25,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> InFlight | str | None:
    """Look until a color has been quiet for ``still`` seconds without a break: then None.

    If it is not quiet after ``limit`` seconds, what was seen last. A quiet that began before the limit may last
    until ``still`` beyond it. What ``look`` raises goes through.

    + look: what the color is doing now, or a line that says why that cannot be told, which is never taken for quiet
    + interval: seconds between two looks
    """
    began, since = clock(), None
    while True:
        seen, now = look(), clock()
        if isinstance(seen, InFlight) and seen.quiet:
            since = now if since is None else since
            if now - since >= still:
                return None
        elif now - began >= limit:
            return seen
        else:
            since = None
        sleep(interval)


def cut_line(color: Color, seen: InFlight, limit: float, cut: bool) -> str:
    """What a color still did at the limit, and what becomes of it, in one line.

    ``blue still had 2 streams and 1 request after 90 s: they are cut``

    + limit: seconds that it was waited for
    + cut: False if nothing is cut, and the run fails instead
    """
    # a request has a connection of its own, and so has a stream
    other = max(0, seen.connections - seen.requests - seen.streams)
    counts = ((seen.streams, "stream"), (seen.requests, "request"), (other, "connection"))
    found = [f"{count} {what}" + ("s" if count != 1 else "") for count, what in counts if count]
    words = " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
    alone = seen.streams + seen.requests + other == 1
    fate = ("it is cut" if alone else "they are cut") if cut else "nothing is cut, since drain.at_limit is refuse"
    return f"{color} still had {words} after {limit:g} s: {fate}"

"""Wait until a color has no requests in flight. At the time limit, say which requests are cut."""

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
    """Wait until a color has been quiet for ``still`` seconds without a break, and then return None.

    If the color is not quiet after ``limit`` seconds, return what ``look`` saw last. If it became quiet before the
    limit, the wait may last up to ``still`` seconds beyond the limit. Exceptions of ``look`` are not caught.

    + look: returns the work that the color has in flight now, or a line that says why this is unknown; unknown never
      counts as quiet
    + limit: seconds to wait at most
    + still: seconds without a break for which the color must be quiet
    + interval: seconds between two calls of ``look``
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
    """Say in one line what a color still had in flight at the time limit, and whether that is cut.

    ``blue still had 2 streams and 1 request after 90 s: they are cut``

    + limit: the time limit in seconds
    + cut: whether the requests are cut; if False, the run fails instead
    """
    # each request and each stream has its own connection
    other = max(0, seen.connections - seen.requests - seen.streams)
    counts = ((seen.streams, "stream"), (seen.requests, "request"), (other, "connection"))
    found = [f"{count} {what}" + ("s" if count != 1 else "") for count, what in counts if count]
    words = " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
    alone = seen.streams + seen.requests + other == 1
    fate = ("it is cut" if alone else "they are cut") if cut else "nothing is cut, since drain.at_limit is refuse"
    return f"{color} still had {words} after {limit:g} s: {fate}"

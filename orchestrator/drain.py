"""Wait until a color is quiet, and describe the requests and streams that are left at the time limit.

A color is quiet if it has no request, no open stream (such as a WebSocket) and no busy connection.
"""

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

    A color is quiet if it has no request, no open stream and no busy connection. If the color is not quiet after
    ``limit`` seconds, return the last result of ``look``. If the color became quiet just before the limit, the wait
    lasts up to ``still`` seconds longer. Exceptions of ``look`` are not caught.

    + look: returns the requests, streams and busy connections that the color has now. If their number is unknown,
      ``look`` returns a line that says why, and the color does not count as quiet.
    + limit: seconds to wait at most
    + still: seconds for which the color must be quiet without a break
    + interval: seconds between two calls of ``look``
    + clock: returns the present time in seconds
    + sleep: waits for a number of seconds
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
    """Return one line that names the requests and streams left at the time limit, and says whether the run cuts them.

    For example: ``blue still had 2 streams and 1 request after 90 s: they are cut``

    + color: the color that serves these requests and streams
    + seen: the numbers of requests, streams and connections that are left
    + limit: the time limit in seconds
    + cut: whether the run cuts the requests and streams; if False, the run fails instead
    """
    alone = seen.streams + seen.requests + _other(seen) == 1
    fate = ("it is cut" if alone else "they are cut") if cut else "nothing is cut, because drain.at_limit is refuse"
    return left_line(color, seen, limit, fate)


def left_line(color: Color, seen: InFlight, limit: float, fate: str) -> str:
    """Return one line that names the requests and streams left at the time limit, and says what happens to them.

    + color, seen, limit: as for `cut_line`
    + fate: the end of the line
    """
    counts = ((seen.streams, "stream"), (seen.requests, "request"), (_other(seen), "connection"))
    found = [f"{count} {what}" + ("s" if count != 1 else "") for count, what in counts if count]
    words = " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
    return f"{color} still had {words} after {limit:g} s: {fate}"


def _other(seen: InFlight) -> int:
    """Return the number of busy connections that belong to no counted request or stream.

    Each counted request and each counted stream uses one connection.
    """
    return max(0, seen.connections - seen.requests - seen.streams)

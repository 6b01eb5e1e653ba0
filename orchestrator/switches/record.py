"""Count a balancer's own record of requests on the balancer, so that only a few lines come over the network."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.comparison.traffic import EXACT, GROWTH, Traffic
from orchestrator.model import Color
from orchestrator.scripts.command import pairs
from orchestrator.switches.base import CannotTell

RING_LINE = 72
"""Most bytes of a line in HAProxy's ring without the backend's name: the longest numbers and the end mark."""

FLUSH = 1
"""Seconds after which nginx writes buffered lines to its record."""

COUNT = f"""
function seen(color, ended, took, status, wait, left,   n) {{
    if (ended < begin || ended >= end || ended - took < since) return
    n = wait < {EXACT} ? int(wait) : {EXACT} + int(log(wait / {EXACT}) / log({GROWTH}))
    times[color, n]++
    if (n > top) top = n
    if (left) {{ gone[color]++; return }}
    requests[color]++
    if (status >= 500 || status < 100) errors[color]++
}}
function told(complete,   i, c, n, text) {{
    split("blue green", colors, " ")
    for (i = 1; i <= 2; i++) {{
        c = colors[i]
        text = ""
        for (n = 0; n <= top; n++) if ((c, n) in times) text = text " " n ":" times[c, n]
        print c "=" requests[c] + 0, errors[c] + 0, gone[c] + 0 text
    }}
    printf "begin=%.3f\\nend=%.3f\\ncomplete=%s\\n", begin, end, complete ? "yes" : "no"
    printf "lines=%d\\nunread=%d\\n", NR, unread
}}
"""
"""awk functions: ``seen`` counts a request (times in epoch seconds, wait in milliseconds), ``told`` prints the sums.

A request belongs to the window in which it ended, so that it is counted once. A request that began under other weights
(before ``since``) is not counted, since at that time perhaps only one color could get it.
"""

WINDOW = """
since=$(stat -c %.3Y "$kept") || { echo "problem=no $kept"; exit 0; }
now=$(date +%s.%3N)
last=$(awk -v now="$now" -v lag="$lag" -v end="${2:-}" 'BEGIN {
    now -= lag; printf "%.3f", (end != "" && end + 0 < now) ? end : now}')
begin=$(awk -v since="$since" -v begin="${1:-}" 'BEGIN {
    printf "%.3f", (begin != "" && begin + 0 > since + 0) ? begin : since}')
"""
"""Shell: set ``begin`` and ``last``, the part of the window from $1 to $2 that is recorded already.

``$kept`` must be the file that was written when the weight was set.
"""


def traffic(output: Sequence[str], what: str) -> dict[Color, Traffic]:
    """Parse what ``told`` printed. Raises CannotTell.

    + what: the record's name for the message
    """
    said = pairs(list(output))
    if "problem" in said:
        raise CannotTell(said["problem"])
    missing = [key for key in ("blue", "green", "begin", "end", "complete", "lines", "unread") if key not in said]
    if missing:
        raise CannotTell(f"{what} cannot be read: the script printed no {', '.join(missing)}")
    # the last line may be incomplete: 1% of unread lines is accepted
    if 100 * int(said["unread"]) > int(said["lines"]):
        raise CannotTell(f"{what} has {said['unread']} lines in an unknown format: provision this balancer")
    found = {}
    for color in Color:
        requests, errors, gone, *times = said[color].split()
        found[color] = Traffic(
            requests=int(requests),
            errors=int(errors),
            gone=int(gone),
            times={int(number): int(count) for number, _, count in (one.partition(":") for one in times)},
            complete=said["complete"] == "yes",
            begin=float(said["begin"]),
            end=float(said["end"]),
        )
    return found

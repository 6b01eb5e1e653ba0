"""Count the requests that a balancer has recorded.

An awk program counts the requests on the balancer, and prints only a few lines. The operator's machine parses these
lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.comparison.traffic import EXACT, GROWTH, Traffic
from orchestrator.errors import CannotTell
from orchestrator.model import Color
from orchestrator.scripts.command import pairs
from orchestrator.scripts.files import read

RING_LINE = 72
"""Number of bytes in the longest line of the ring buffer in which HAProxy records its requests.

The number is the length of a line with the longest possible numbers and the end mark, but without the name of the
backend.
"""

FLUSH = 1
"""For at most this number of seconds, nginx buffers lines of its record of requests."""


def counting(program: str) -> dict[str, str]:
    """Return the shell variables that a balancer's script ``record`` needs: name -> value.

    One variable contains the awk program that counts the requests. Two variables contain the sizes of the buckets in
    which the awk program counts response times.

    + program: path, in the package ``orchestrator``, of the awk code that reads one line of this balancer's record
    """
    return {
        "exact": str(EXACT),
        "growth": str(GROWTH),
        "program": f"{read('switches/record.awk')}\n{read(program)}",
    }


def traffic(output: Sequence[str], what: str) -> dict[Color, Traffic]:
    """Return the traffic of each color, from the output of a balancer's script ``record``.

    Raises CannotTell if the record could not be read, or if more than 1% of the record's lines have an unknown format.

    + output: lines that the script printed
    + what: name of the record, for the error message
    """
    said = pairs(list(output))
    if "problem" in said:
        raise CannotTell(said["problem"])
    missing = [key for key in ("blue", "green", "begin", "end", "complete", "lines", "unread") if key not in said]
    if missing:
        raise CannotTell(f"{what} cannot be read: the script printed no {', '.join(missing)}")
    # the last line may be incomplete, so up to 1% of unread lines is accepted
    if 100 * int(said["unread"]) > int(said["lines"]):
        raise CannotTell(f"{what} has {said['unread']} lines in an unknown format: run deploys/provision.py")
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

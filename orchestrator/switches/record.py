"""Sum up the request record on the balancer itself, so that only a few lines cross the network."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.comparison.traffic import EXACT, GROWTH, Traffic
from orchestrator.errors import CannotTell
from orchestrator.model import Color
from orchestrator.scripts.command import pairs
from orchestrator.scripts.files import read

RING_LINE = 72
"""Most bytes of a line in HAProxy's ring, not counting the backend's name.

This is the length with the longest numbers and the end mark.
"""

FLUSH = 1
"""Number of seconds after which nginx writes buffered lines to its record."""


def counting(program: str) -> dict[str, str]:
    """Return the values that a balancer's counting script needs: the awk program, and the limits of its buckets.

    + program: path in this package of the awk program that reads one line of the record
    """
    return {
        "exact": str(EXACT),
        "growth": str(GROWTH),
        "program": f"{read('switches/record.awk')}\n{read(program)}",
    }


def traffic(output: Sequence[str], what: str) -> dict[Color, Traffic]:
    """Parse the output of a script that counted the requests in a record. Raises CannotTell.

    + what: name of the record, for the message
    """
    said = pairs(list(output))
    if "problem" in said:
        raise CannotTell(said["problem"])
    missing = [key for key in ("blue", "green", "begin", "end", "complete", "lines", "unread") if key not in said]
    if missing:
        raise CannotTell(f"{what} cannot be read: the script printed no {', '.join(missing)}")
    # the last line may be incomplete, so 1% of unread lines is accepted
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

"""What a color answered in a window: counts, and how long clients waited."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

EXACT = 50
"""Response times below so many milliseconds have a bucket each."""

GROWTH = 1.02
"""Above, a bucket is 2% wide."""


def bucket(ms: float) -> int:
    """The bucket of a response time in milliseconds. The balancers' scripts count by the same formula."""
    return int(ms) if ms < EXACT else EXACT + int(math.log(ms / EXACT) / math.log(GROWTH))


def lower(number: int) -> float:
    """The shortest time in a bucket, in milliseconds."""
    return float(number) if number < EXACT else float(EXACT * GROWTH ** (number - EXACT))


@dataclass(frozen=True)
class Traffic:
    """What one color answered in a window, as one or several balancers wrote it down.

    + requests: that the color answered, or that it failed to answer
    + errors: of these, 5xx: the color's own, and the balancer's because the color refused, broke off or took too long
    + gone: clients that left before the answer began; not in ``requests``, but their wait is in ``times``, since a
      color that hangs would otherwise look fast: nobody waits for its slowest answers
    + times: bucket -> how many waited so long for the answer to begin
    + complete: whether no request of the window is missing (the record is bounded: it may have run over)
    + begin, end: the window, in epoch seconds by the balancer's own clock; None if nothing was read
    """

    requests: int = 0
    errors: int = 0
    gone: int = 0
    times: Mapping[int, int] = field(default_factory=dict)
    complete: bool = True
    begin: float | None = None
    end: float | None = None

    def __add__(self, other: Traffic) -> Traffic:
        """Several balancers, or several windows of the same weight.

        Windows of different weights must not be added: a bad minute of the whole site would be one color's alone.
        """
        begins = [one.begin for one in (self, other) if one.begin is not None]
        ends = [one.end for one in (self, other) if one.end is not None]
        return Traffic(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            gone=self.gone + other.gone,
            times=dict(Counter(self.times) + Counter(other.times)),
            complete=self.complete and other.complete,
            begin=min(begins, default=None),
            end=max(ends, default=None),
        )

    @property
    def timed(self) -> int:
        """Requests of which the wait is known, those of clients that left included."""
        return sum(self.times.values())

    def quantile(self, share: float) -> float | None:
        """The time in milliseconds within which this share of the requests was answered; None without any."""
        left = share * self.timed
        for number in sorted(self.times):
            left -= self.times[number]
            if left <= 1e-9:
                return lower(number)
        return None

    def slower(self, ms: float) -> int:
        """Requests that took longer than this, to the width of a bucket."""
        limit = bucket(ms)
        return sum(count for number, count in self.times.items() if number > limit)

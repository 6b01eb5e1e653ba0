"""Count the answers of a color in a window of time: their number, the errors, and how long the clients waited."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

EXACT = 50
"""Response time in milliseconds. Below this time, each bucket is one millisecond wide.

A bucket is a range of response times. Requests are counted for each bucket.
"""

GROWTH = 1.02
"""Ratio of the widths of two neighboring buckets above EXACT: each bucket is 2% wider than the bucket before.

A bucket is a range of response times.
"""


def bucket(ms: float) -> int:
    """Return the number of the bucket for a response time.

    A bucket is a range of response times. Requests in the same bucket are only counted, so that their exact times are
    not stored. The scripts on the balancers use the same formula.

    + ms: the response time in milliseconds
    """
    return int(ms) if ms < EXACT else EXACT + int(math.log(ms / EXACT) / math.log(GROWTH))


def lower(number: int) -> float:
    """Return the shortest response time in a bucket, in milliseconds. A bucket is a range of response times.

    + number: the number of the bucket
    """
    return float(number) if number < EXACT else float(EXACT * GROWTH ** (number - EXACT))


@dataclass(frozen=True)
class Traffic:
    """The requests of one color in a window of time, as one or several balancers recorded them.

    + requests: number of requests that the color answered or failed to answer
    + errors: number of these requests that ended with 5xx. Either the color answered 5xx, or the balancer answered 5xx
      because the color refused or broke the connection or took too long.
    + gone: number of clients that left before the answer began. These requests are not in ``requests``, but their wait
      is in ``times``. Otherwise a color that hangs would look fast, because clients leave before the slowest answers of
      this color.
    + times: bucket -> number of requests whose wait until the answer began is in this bucket
    + complete: False if requests of the window are missing, because the record has a fixed size and may overflow
    + begin, end: the window, in epoch seconds by the balancer's clock; None if nothing was read
    """

    requests: int = 0
    errors: int = 0
    gone: int = 0
    times: Mapping[int, int] = field(default_factory=dict)
    complete: bool = True
    begin: float | None = None
    end: float | None = None

    def __add__(self, other: Traffic) -> Traffic:
        """Return the sum with the traffic of another balancer, or of another window at the same weight.

        Do not add windows at different weights. If the whole site has a bad minute, the sum would blame the color that
        had most of the traffic in that minute.
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
        """The number of requests whose response time is known, including the requests of clients that left."""
        return sum(self.times.values())

    def quantile(self, share: float) -> float | None:
        """Return the milliseconds within which a share of the clients got the answer or left; None without requests.

        The requests are counted in buckets, which are ranges of response times. The exact quantile lies in one of these
        ranges, and the result is the lower end of this range. So the result may be lower than the exact quantile.

        + share: a number from 0 to 1; for example, 0.99 for the p99
        """
        left = share * self.timed
        for number in sorted(self.times):
            left -= self.times[number]
            if left <= 1e-9:
                return lower(number)
        return None

    def slower(self, ms: float) -> int:
        """Return the number of requests that took longer than ``ms`` milliseconds.

        The requests are counted in buckets, which are ranges of response times. The bucket that contains ``ms`` is not
        counted, so the result may be too low by the number of requests in this bucket.
        """
        limit = bucket(ms)
        return sum(count for number, count in self.times.items() if number > limit)

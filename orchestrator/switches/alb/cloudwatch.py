"""CloudWatch's metrics of both colors behind an ALB. They are minutes late, so they are only a second gate. Pure.

Facts from the documentation of CloudWatch and the load balancer: a point covers 60 s; the newest points are incomplete;
a count of 0 is not reported; ``PR(x:)`` is the share of values above x, in per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.comparison.judge import Shares, Slow
from orchestrator.model import Color

MINUTE = 60
"""Number of seconds that a point covers."""

DELAY = 120
"""Number of seconds from the end of a minute until the points of that minute are complete."""

NAMESPACE = "AWS/ApplicationELB"

COUNTS = {
    "requests": "RequestCount",
    "errors": "HTTPCode_Target_5XX_Count",
    "refused": "TargetConnectionErrorCount",
}
P99 = "p99"


@dataclass(frozen=True)
class TooEarly:
    """The answer if not all minutes of the window are complete yet.

    + until: time in epoch seconds when all minutes will be complete
    """

    until: float


@dataclass(frozen=True)
class ColorTraffic:
    """The answers of one color.

    + requests: requests that the balancer sent to the color
    + errors: 5xx answers of the color itself
    + refused: failed connections to the color; the balancer answers these requests with 502, which it counts for no
      color
    + p99: 99th percentile of the seconds until an answer began, in the color's slowest minute; None without requests
    + slow: share (0 to 1) of the answers that took longer than ``CloudWatchTraffic.threshold``; None if not requested
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    p99: float | None = None
    slow: float | None = None


@dataclass(frozen=True)
class CloudWatchTraffic:
    """The answers of both colors over the same whole minutes.

    + begin, end: the window, in epoch seconds
    + threshold: seconds above which an answer counts as slow; None if no old color was given, or if the old color
      answered nothing
    """

    begin: float
    end: float
    colors: Mapping[Color, ColorTraffic] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def minutes(self) -> int:
        """Number of whole minutes in the window."""
        return round((self.end - self.begin) / MINUTE)


def window(since: float, until: float, now: float) -> tuple[float, float] | TooEarly:
    """Return begin and end of the whole minutes within a window. Both are equal if the window has no whole minute.

    + since, until, now: the window and the present time, in epoch seconds
    """
    begin, end = math.ceil(since / MINUTE) * MINUTE, math.floor(until / MINUTE) * MINUTE
    if end <= begin:
        return float(begin), float(begin)
    return TooEarly(float(end + DELAY)) if now < end + DELAY else (float(begin), float(end))


def queries(balancer: str, groups: Mapping[Color, str]) -> list[dict[str, Any]]:
    """Make the MetricDataQueries for the counts and the p99 of both colors, with a point for each minute.

    + balancer, groups: names in CloudWatch, such as ``app/web/50dc...`` and ``targetgroup/web-blue/73e2...``
    """
    return [
        _query(f"{color}_{name}", metric, statistic, balancer, group)
        for color, group in groups.items()
        for name, metric, statistic in [*((name, metric, "Sum") for name, metric in COUNTS.items()), _time(P99, P99)]
    ]


def rank_queries(balancer: str, groups: Mapping[Color, str], threshold: float) -> list[dict[str, Any]]:
    """Make the MetricDataQueries for the share of each color's answers that took longer than a threshold.

    + threshold: the threshold in seconds
    """
    name, metric, statistic = _time("slow", f"PR({threshold:.4f}:)")
    return [_query(f"{color}_{name}", metric, statistic, balancer, group) for color, group in groups.items()]


def _time(name: str, statistic: str) -> tuple[str, str, str]:
    return name, "TargetResponseTime", statistic


def _query(id: str, metric: str, statistic: str, balancer: str, group: str) -> dict[str, Any]:
    dimensions = {"LoadBalancer": balancer, "TargetGroup": group}
    return {
        "Id": id,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": MINUTE,
            "Stat": statistic,
        },
        "ReturnData": True,
    }


Points = Mapping[str, Mapping[float, float]]
"""Id of a query -> epoch seconds of a point -> the point's value."""


def points(results: Iterable[Mapping[str, Any]]) -> Points:
    """Collect the points from GetMetricData's results. The points of one query may be on several pages."""
    found: dict[str, dict[float, float]] = {}
    for result in results:
        values = zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
        found.setdefault(str(result["Id"]), {}).update({at.timestamp(): float(value) for at, value in values})
    return found


def incomplete(results: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Return the ids of the queries whose results are incomplete."""
    last = {str(result["Id"]): result.get("StatusCode", "Complete") for result in results}
    return [id for id, status in last.items() if status != "Complete"]


def traffic(found: Points, begin: float, end: float, threshold: float | None = None) -> CloudWatchTraffic:
    """Calculate the answers of both colors from the points of a window."""
    return CloudWatchTraffic(begin, end, {color: _color(found, color) for color in Color}, threshold)


def shares(found: CloudWatchTraffic) -> Mapping[Color, Shares]:
    """Calculate the numbers to compare. If a connection to a color failed, the request counts as the color's error."""
    p99 = 0.99
    limit = found.threshold if all(one.slow is not None for one in found.colors.values()) else None

    def share(one: ColorTraffic) -> Shares:
        slow = {p99: Slow(1000 * limit, round((one.slow or 0.0) * one.requests), one.requests)} if limit else {}
        quantiles = {p99: 1000 * one.p99} if one.p99 is not None else {}
        return Shares(one.requests + one.refused, one.errors + one.refused, slow, quantiles)

    return {color: share(one) for color, one in found.colors.items()}


def _color(found: Points, color: Color) -> ColorTraffic:
    counts = {name: round(sum(found.get(f"{color}_{name}", {}).values())) for name in COUNTS}
    minutes = found.get(f"{color}_requests", {})
    ranks = found.get(f"{color}_slow", {})
    # each minute's share is weighted by the minute's number of requests
    weighed = {at: minutes.get(at, 0.0) for at in ranks}
    total = sum(weighed.values())
    slow = sum(ranks[at] / 100 * weight for at, weight in weighed.items()) / total if total else None
    return ColorTraffic(**counts, p99=max(found.get(f"{color}_{P99}", {}).values(), default=None), slow=slow)

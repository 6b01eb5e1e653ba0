"""CloudWatch's metrics of both colors behind an ALB, for the comparison of the colors. Pure.

The metrics are complete only minutes later. Therefore a bake, in which a run watches the new color at one weight, first
checks the probe and the health pages of the nodes.

Facts from the documentation of CloudWatch and the load balancer:

* A data point covers 60 s.
* The newest data points are incomplete.
* A count of 0 is not reported.
* The statistic ``PR(x:)`` is the share of values above x, in per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.comparison.judge import Shares, Slow
from orchestrator.model import Color

MINUTE = 60
"""Number of seconds that a data point covers."""

DELAY = 120
"""Number of seconds from the end of a minute until the data points of that minute are complete."""

NAMESPACE = "AWS/ApplicationELB"

COUNTS = {
    "requests": "RequestCount",
    "errors": "HTTPCode_Target_5XX_Count",
    "refused": "TargetConnectionErrorCount",
}
P99 = "p99"


@dataclass(frozen=True)
class TooEarly:
    """Returned instead of numbers if CloudWatch has no complete data yet for some minutes of a window.

    + until: time in epoch seconds when the data of all minutes will be complete
    """

    until: float


@dataclass(frozen=True)
class ColorTraffic:
    """CloudWatch's numbers about the answers of one color.

    + requests: number of requests that the load balancer sent to the color
    + errors: number of 5xx answers of the color itself
    + refused: number of failed connections to the color. The load balancer answers these requests with 502, and its
      metrics count these answers for neither color.
    + p99: 99th percentile of the seconds until an answer began, in the color's slowest minute; None without requests
    + slow: share (0 to 1) of the answers that took longer than ``CloudWatchTraffic.threshold``; None if unknown
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    p99: float | None = None
    slow: float | None = None


@dataclass(frozen=True)
class CloudWatchTraffic:
    """CloudWatch's numbers about the answers of both colors in the same whole minutes.

    + begin, end: begin and end of these minutes, in epoch seconds
    + colors: color -> its numbers
    + threshold: seconds above which an answer counts as slow; None if no old color was given, or if the old color
      answered nothing
    """

    begin: float
    end: float
    colors: Mapping[Color, ColorTraffic] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def minutes(self) -> int:
        """The number of whole minutes from ``begin`` to ``end``."""
        return round((self.end - self.begin) / MINUTE)


def window(since: float, until: float, now: float) -> tuple[float, float] | TooEarly:
    """Return the begin and the end of the whole minutes in a window, in epoch seconds.

    If the window contains no whole minute, begin and end are equal. If CloudWatch's data of these minutes is not
    complete yet, return TooEarly.

    + since, until: begin and end of the window, in epoch seconds
    + now: the present time, in epoch seconds
    """
    begin, end = math.ceil(since / MINUTE) * MINUTE, math.floor(until / MINUTE) * MINUTE
    if end <= begin:
        return float(begin), float(begin)
    return TooEarly(float(end + DELAY)) if now < end + DELAY else (float(begin), float(end))


def queries(balancer: str, groups: Mapping[Color, str]) -> list[dict[str, Any]]:
    """Return the MetricDataQueries for the counts and the p99 of both colors, with a data point for each minute.

    + balancer: CloudWatch's name for the load balancer, such as ``app/web/50dc...``
    + groups: color -> CloudWatch's name for its target group, such as ``targetgroup/web-blue/73e2...``
    """
    return [
        _query(f"{color}_{name}", metric, statistic, balancer, group)
        for color, group in groups.items()
        for name, metric, statistic in [*((name, metric, "Sum") for name, metric in COUNTS.items()), _time(P99, P99)]
    ]


def rank_queries(balancer: str, groups: Mapping[Color, str], threshold: float) -> list[dict[str, Any]]:
    """Return the MetricDataQueries for the share of each color's answers that took longer than a threshold.

    + balancer, groups: names as for ``queries``
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
"""Id of a query -> time of a data point in epoch seconds -> value of the data point."""


def points(results: Iterable[Mapping[str, Any]]) -> Points:
    """Return the data points in GetMetricData's results. The data points of one query may be on several pages.

    + results: the MetricDataResults of all pages
    """
    found: dict[str, dict[float, float]] = {}
    for result in results:
        values = zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
        found.setdefault(str(result["Id"]), {}).update({at.timestamp(): float(value) for at, value in values})
    return found


def incomplete(results: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Return the ids of the queries whose results are incomplete.

    + results: the MetricDataResults of all pages
    """
    last = {str(result["Id"]): result.get("StatusCode", "Complete") for result in results}
    return [id for id, status in last.items() if status != "Complete"]


def traffic(found: Points, begin: float, end: float, threshold: float | None = None) -> CloudWatchTraffic:
    """Return the numbers of both colors in a window, calculated from the data points of the window.

    + begin, end: begin and end of the window, in epoch seconds
    + threshold: seconds above which an answer counts as slow
    """
    return CloudWatchTraffic(begin, end, {color: _color(found, color) for color in Color}, threshold)


def shares(found: CloudWatchTraffic) -> Mapping[Color, Shares]:
    """Return for each color the numbers that a comparison of the colors needs.

    A request whose connection to a color failed counts as a request and as an error of this color.
    """
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

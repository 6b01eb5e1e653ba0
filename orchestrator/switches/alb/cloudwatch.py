"""Make queries for CloudWatch's metrics of both colors behind an ALB, and calculate numbers from the results.

A comparison of the colors uses these numbers. All functions are pure. CloudWatch's metrics of a minute are complete
only about two minutes after that minute. Therefore a bake first checks the probe and the health pages of the nodes, and
then waits for CloudWatch.

Facts from AWS's documentation of CloudWatch and of the load balancer:

* A data point covers 60 s.
* The newest data points are incomplete.
* If a count is 0, CloudWatch reports no data point.
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
"""Number of seconds that one data point of CloudWatch covers."""

DELAY = 120
"""Number of seconds from the end of a minute until CloudWatch's data points of this minute are complete."""

NAMESPACE = "AWS/ApplicationELB"

COUNTS = {
    "requests": "RequestCount",
    "errors": "HTTPCode_Target_5XX_Count",
    "refused": "TargetConnectionErrorCount",
}
P99 = "p99"


@dataclass(frozen=True)
class TooEarly:
    """The result of `window` and of ``Alb.traffic`` if CloudWatch's data for the window is not complete yet.

    + until: time, in epoch seconds, at which the data for the whole window will be complete
    """

    until: float


@dataclass(frozen=True)
class ColorTraffic:
    """CloudWatch's numbers about the answers of one color.

    + requests: number of requests that the load balancer sent to the color
    + errors: number of 5xx answers of the color itself
    + refused: number of failed connections to the color. The load balancer answers these requests with 502. No other
      metric of a color counts these answers.
    + p99: response time in seconds: the 99th percentile in the minute in which this percentile was highest. None if the
      color had no requests.
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
    + colors: color -> numbers of the color
    + threshold: response time in seconds above which an answer counts as slow; None if no threshold was calculated
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
    """Return the begin and the end of the whole minutes in a window of time, in epoch seconds.

    If the window contains no whole minute, begin and end are equal. If CloudWatch's data of these minutes is not
    complete yet, the function returns TooEarly.

    + since, until: begin and end of the window, in epoch seconds
    + now: the present time, in epoch seconds
    """
    begin, end = math.ceil(since / MINUTE) * MINUTE, math.floor(until / MINUTE) * MINUTE
    if end <= begin:
        return float(begin), float(begin)
    return TooEarly(float(end + DELAY)) if now < end + DELAY else (float(begin), float(end))


def queries(balancer: str, groups: Mapping[Color, str]) -> list[dict[str, Any]]:
    """Return the MetricDataQueries for both colors: numbers of requests, errors and failed connections, and the p99.

    The results of these queries have a data point for each minute.

    + balancer: CloudWatch's name for the load balancer, such as ``app/web/50dc...``
    + groups: color -> CloudWatch's name for the target group of the color, such as ``targetgroup/web-blue/73e2...``
    """
    return [
        _query(f"{color}_{name}", metric, statistic, balancer, group)
        for color, group in groups.items()
        for name, metric, statistic in [*((name, metric, "Sum") for name, metric in COUNTS.items()), _time(P99, P99)]
    ]


def rank_queries(balancer: str, groups: Mapping[Color, str], threshold: float) -> list[dict[str, Any]]:
    """Return the MetricDataQueries for the share of slow answers of each color.

    + balancer, groups: names as for ``queries``
    + threshold: response time in seconds above which an answer counts as slow
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
"""Id of a CloudWatch query -> time of a data point in epoch seconds -> value of the data point."""


def points(results: Iterable[Mapping[str, Any]]) -> Points:
    """Return the data points from the results of GetMetricData.

    + results: the MetricDataResults of all pages. The data points of one query may be on several pages.
    """
    found: dict[str, dict[float, float]] = {}
    for result in results:
        values = zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
        found.setdefault(str(result["Id"]), {}).update({at.timestamp(): float(value) for at, value in values})
    return found


def incomplete(results: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Return the ids of the queries for which CloudWatch returned only a part of the data points.

    + results: the MetricDataResults of all pages
    """
    last = {str(result["Id"]): result.get("StatusCode", "Complete") for result in results}
    return [id for id, status in last.items() if status != "Complete"]


def traffic(found: Points, begin: float, end: float, threshold: float | None = None) -> CloudWatchTraffic:
    """Return the numbers of both colors in a window of time, calculated from the data points of this window.

    + found: the data points, as `points` returns them
    + begin, end: begin and end of the window, in epoch seconds
    + threshold: response time in seconds above which an answer counts as slow; None if unknown
    """
    return CloudWatchTraffic(begin, end, {color: _color(found, color) for color in Color}, threshold)


def shares(found: CloudWatchTraffic) -> Mapping[Color, Shares]:
    """Return the numbers that a comparison of the colors needs: color -> numbers of the color.

    If the connection to a color failed, the request counts as a request and as an error of this color.
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

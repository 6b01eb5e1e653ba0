"""What CloudWatch knows of both colors behind an ALB. It is late by minutes: a second gate, never the first. Pure.

Facts (CloudWatch's and the load balancer's documentation): points are of 60 s, the newest ones are incomplete; a count
that is 0 is not reported; ``PR(x:)`` is the share of values above x, in per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.comparison.judge import Shares, Slow
from orchestrator.model import Color

MINUTE = 60

DELAY = 120
"""Seconds after which a minute's points are complete."""

NAMESPACE = "AWS/ApplicationELB"

COUNTS = {
    "requests": "RequestCount",
    "errors": "HTTPCode_Target_5XX_Count",
    "refused": "TargetConnectionErrorCount",
}
P99 = "p99"


@dataclass(frozen=True)
class TooEarly:
    """Not all minutes of the window are complete yet.

    + until: epoch seconds from which on they are
    """

    until: float


@dataclass(frozen=True)
class ColorTraffic:
    """What one color answered.

    + requests: that the balancer sent to it
    + errors: 5xx that it answered itself
    + refused: connections to it that failed; the balancer answers those requests with 502, which counts for no color
    + p99: seconds until the answer began, which 99 of 100 requests did not exceed, in its slowest minute; None
      without requests
    + slow: share (0 to 1) of its answers that took longer than ``CloudWatchTraffic.threshold``; None if not asked for
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    p99: float | None = None
    slow: float | None = None


@dataclass(frozen=True)
class CloudWatchTraffic:
    """Both colors over the same whole minutes.

    + begin, end: epoch seconds
    + threshold: seconds above which an answer is slow; None if no color is the old one, or it answered nothing
    """

    begin: float
    end: float
    colors: Mapping[Color, ColorTraffic] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def minutes(self) -> int:
        return round((self.end - self.begin) / MINUTE)


def window(since: float, until: float, now: float) -> tuple[float, float] | TooEarly:
    """The whole minutes within a window: begin and end, equal if there is none.

    + since, until, now: epoch seconds
    """
    begin, end = math.ceil(since / MINUTE) * MINUTE, math.floor(until / MINUTE) * MINUTE
    if end <= begin:
        return float(begin), float(begin)
    return TooEarly(float(end + DELAY)) if now < end + DELAY else (float(begin), float(end))


def queries(balancer: str, groups: Mapping[Color, str]) -> list[dict[str, Any]]:
    """MetricDataQueries for counts and p99 of both colors, a point a minute.

    + balancer, groups: as CloudWatch names them: ``app/web/50dc...``, ``targetgroup/web-blue/73e2...``
    """
    return [
        _query(f"{color}_{name}", metric, statistic, balancer, group)
        for color, group in groups.items()
        for name, metric, statistic in [*((name, metric, "Sum") for name, metric in COUNTS.items()), _time(P99, P99)]
    ]


def rank_queries(balancer: str, groups: Mapping[Color, str], threshold: float) -> list[dict[str, Any]]:
    """MetricDataQueries for the share of both colors' answers that took longer than a threshold in seconds."""
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
"""By query id: epoch seconds -> value."""


def points(results: Iterable[Mapping[str, Any]]) -> Points:
    """Of GetMetricData's results, which may tell of one query on several pages."""
    found: dict[str, dict[float, float]] = {}
    for result in results:
        values = zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
        found.setdefault(str(result["Id"]), {}).update({at.timestamp(): float(value) for at, value in values})
    return found


def incomplete(results: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Ids of the queries of which CloudWatch did not tell everything."""
    last = {str(result["Id"]): result.get("StatusCode", "Complete") for result in results}
    return [id for id, status in last.items() if status != "Complete"]


def traffic(found: Points, begin: float, end: float, threshold: float | None = None) -> CloudWatchTraffic:
    """What points say of both colors."""
    return CloudWatchTraffic(begin, end, {color: _color(found, color) for color in Color}, threshold)


def shares(found: CloudWatchTraffic) -> Mapping[Color, Shares]:
    """The same as what is compared. Requests whose connection failed are the color's failures."""
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
    # a minute's share counts as much as its requests
    weighed = {at: minutes.get(at, 0.0) for at in ranks}
    total = sum(weighed.values())
    slow = sum(ranks[at] / 100 * weight for at, weight in weighed.items()) / total if total else None
    return ColorTraffic(**counts, p99=max(found.get(f"{color}_{P99}", {}).values(), default=None), slow=slow)

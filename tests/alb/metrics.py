"""What CloudWatch would say of an ALB: counts and times by target group and minute, percentiles included."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NAMESPACE = "AWS/ApplicationELB"


@dataclass
class Minute:
    """What happened in a minute; times are in seconds."""

    counts: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)


class Metrics:
    """Minutes by target group (``targetgroup/web-blue/73e2...``) and epoch minute."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[str, int], Minute] = defaultdict(Minute)
        self._lock = threading.Lock()

    def count(self, group: str, at: float, status: int | None, seconds: float) -> None:
        """Count a request that was sent to a target of a group.

        + at: epoch seconds
        + status: of the target's answer, None if the connection failed
        """
        with self._lock:
            minute = self._minutes[group, int(at // 60)]
            minute.counts["RequestCount"] += 1
            if status is None:
                minute.counts["TargetConnectionErrorCount"] += 1
                return
            if status >= 500:
                minute.counts["HTTPCode_Target_5XX_Count"] += 1
            minute.times.append(seconds)

    @staticmethod
    def knows(query: Mapping[str, Any]) -> bool:
        """Whether a MetricDataQuery is about a load balancer."""
        return bool(query.get("MetricStat", {}).get("Metric", {}).get("Namespace") == NAMESPACE)

    def answer(self, query: Mapping[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
        """A MetricDataResult; a minute in which nothing was counted has no point."""
        stat = query["MetricStat"]
        assert stat["Period"] == 60
        dimensions = {one["Name"]: one["Value"] for one in stat["Metric"]["Dimensions"]}
        assert set(dimensions) == {"LoadBalancer", "TargetGroup"}
        assert re.fullmatch(r"app/[^/]+/\w+", dimensions["LoadBalancer"])
        first, last = int(start.replace(tzinfo=UTC).timestamp() // 60), int(end.replace(tzinfo=UTC).timestamp() // 60)
        times, values = [], []
        with self._lock:
            for number in range(first, last):
                minute = self._minutes.get((dimensions["TargetGroup"], number))
                value = _statistic(minute, stat["Metric"]["MetricName"], stat["Stat"]) if minute else None
                if value is not None:
                    times.append(datetime.fromtimestamp(number * 60, UTC))
                    values.append(value)
        return {
            "id": query["Id"],
            "label": query["Id"],
            "values": values,
            "timestamps": times,
            "status_code": "Complete",
        }


def _statistic(minute: Minute, metric: str, statistic: str) -> float | None:
    if metric != "TargetResponseTime":
        assert statistic == "Sum"
        return float(minute.counts[metric]) or None
    return _of_times(minute.times, statistic)


def _of_times(times: Sequence[float], statistic: str) -> float | None:
    if not times:
        return None
    if found := re.fullmatch(r"p(\d+(?:\.\d+)?)", statistic):
        return sorted(times)[max(0, math.ceil(float(found[1]) / 100 * len(times)) - 1)]
    # above the lower bound, up to the upper one
    if found := re.fullmatch(r"PR\(([\d.]*):([\d.]*)\)", statistic):
        low, high = float(found[1] or "-inf"), float(found[2] or "inf")
        return 100.0 * sum(low < one <= high for one in times) / len(times)
    raise AssertionError(f"no statistic {statistic}")

"""The settings of the cutover: the weights that the new color gets, and the checks at each weight."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section

Policy = Literal["undo", "go on"]


class CutoverStep(Section):
    """One step of the cutover: a weight of the new color, and how long the new color is watched at this weight."""

    weight: int = Field(ge=1, le=100, description="share of the traffic that the new color gets, in per cent")
    bake: Duration = Field(
        0.0, ge=0, le=86400, description="how long the new color is watched at this weight, before the next step begins"
    )


class Comparison(Section):
    """The comparison of both colors' answers while traffic is split. The switch itself records these answers."""

    enabled: bool = Field(True, description="whether the colors are compared during a bake")
    window: Duration = Field(30.0, ge=1, le=3600, description="time between two comparisons during a bake")
    min_requests: int = Field(
        500,
        ge=10,
        le=10_000_000,
        description="number of requests that each color must have answered at a weight before the new color can pass. "
        "With fewer requests, the new color can only fail, or the result is inconclusive",
    )
    significance: float = Field(
        0.001,
        gt=0,
        lt=0.5,
        description="probability of a false alarm. A false alarm is a release that fails by chance, although the new "
        "color is as good as the old color. The probability is for all comparisons of a release together",
    )
    errors: float = Field(
        0.5,
        ge=0,
        le=100,
        description="accepted difference in errors. The new color's share of 5xx answers may be this many percentage "
        "points higher than the old color's share",
    )
    slower: float = Field(
        1.25,
        ge=1,
        le=100,
        description="factor that defines slow requests. A request counts as slow if its response time is longer than "
        "this factor times a quantile of the old color's response times, such as the p95",
    )
    slower_ms: float = Field(
        10.0,
        ge=0,
        le=600_000,
        description="number of milliseconds. A request counts as slow only if its response time is also at least this "
        "much longer than the quantile (see `slower`)",
    )
    tail: float = Field(
        1.0,
        gt=0,
        le=100,
        description="accepted difference in slow requests. The new color's share of slow requests may be this many "
        "percentage points higher than the old color's share. For low quantiles the accepted difference is "
        "larger: for the median, it is at least 12.5 points (docs/comparison.md)",
    )
    on_inconclusive: Policy = Field(
        "undo",
        description="what happens if the result at the end of a bake is inconclusive because of too few requests. "
        "`undo`: the release is undone; `go on`: the release continues",
    )
    on_error: Policy = Field(
        "undo",
        description="what happens if the switch's record of requests cannot be read at the end of a bake. `undo`: the "
        "release is undone; `go on`: the release continues",
    )

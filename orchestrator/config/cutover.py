"""How traffic moves to the new color: the weights, and the checks at each weight."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section

Policy = Literal["undo", "go on"]


class CutoverStep(Section):
    """A share of the traffic for the new color, and the time for which the new color is watched at this share."""

    weight: int = Field(ge=1, le=100, description="per cent of the traffic that the new color gets")
    bake: Duration = Field(0.0, ge=0, le=86400, description="time for which the new color is watched at this weight")


class Comparison(Section):
    """Compares both colors over the same time while traffic is split, by the switch's own record of each request."""

    enabled: bool = Field(True, description="whether the colors are compared")
    window: Duration = Field(30.0, ge=1, le=3600, description="time between two comparisons during a bake")
    min_requests: int = Field(
        500,
        ge=10,
        le=10_000_000,
        description="number of requests that each color must have answered at a weight; with fewer a "
        "comparison can fail, but not pass",
    )
    significance: float = Field(
        0.001,
        gt=0,
        lt=0.5,
        description="probability that a release as good as the old one fails by chance, over all its comparisons",
    )
    errors: float = Field(
        0.5,
        ge=0,
        le=100,
        description="percentage points by which the new color's share of 5xx answers may be higher than the "
        "old color's",
    )
    slower: float = Field(
        1.25,
        ge=1,
        le=100,
        description="factor: a request is slow if it takes longer than a quantile of the old color's times "
        "multiplied by this factor",
    )
    slower_ms: float = Field(
        10.0,
        ge=0,
        le=600_000,
        description="milliseconds: a request is slow only if it also takes this much longer than that quantile",
    )
    tail: float = Field(
        1.0,
        gt=0,
        le=100,
        description="percentage points by which the new color's share of slow requests may be higher than the"
        " old color's; for quantiles below p96 a higher difference is accepted, 12.5 points at "
        "the median (docs/comparison.md)",
    )
    on_inconclusive: Policy = Field(
        "undo",
        description="what happens if a bake ends with too few requests to compare: undo the release, or continue",
    )
    on_error: Policy = Field(
        "undo",
        description="what happens if the switch's record cannot be read at the end of a bake: undo the "
        "release, or continue",
    )

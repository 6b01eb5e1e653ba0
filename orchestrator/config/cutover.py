"""How traffic moves to the new color: the weights, and the checks at each weight."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section

Policy = Literal["undo", "go on"]


class CutoverStep(Section):
    """A share of the traffic for the new color, and how long the color is watched at this weight."""

    weight: int = Field(ge=1, le=100, description="per cent of the traffic that the new color gets")
    bake: Duration = Field(0.0, ge=0, le=86400, description="how long to watch it at this weight (seconds, or 2m)")


class Comparison(Section):
    """Compares both colors while traffic is split, over the same window, from the switch's own record of requests."""

    enabled: bool = True
    window: Duration = Field(30.0, ge=1, le=3600, description="how often the colors are compared during a bake")
    min_requests: int = Field(
        500, ge=10, le=10_000_000, description="requests each color must have answered in a bake; fewer is inconclusive"
    )
    significance: float = Field(
        0.001, gt=0, lt=0.5, description="probability that an equal release fails by chance, over all comparisons"
    )
    errors: float = Field(0.5, ge=0, le=100, description="more 5xx answers than the old color's, in percentage points")
    slower: float = Field(
        1.25, ge=1, le=100, description="an answer is slow if it takes longer than this factor times the old quantile"
    )
    slower_ms: float = Field(
        10.0, ge=0, le=600_000, description="and longer than that quantile by so many milliseconds"
    )
    tail: float = Field(
        1.0,
        gt=0,
        le=100,
        description="more slow answers than the old color's, in percentage points; below p96 more are allowed, "
        "12.5 points at the median (docs/comparison.md)",
    )
    on_inconclusive: Policy = Field("undo", description="if there are too few requests to tell")
    on_error: Policy = Field("undo", description="if the switch's record cannot be read")

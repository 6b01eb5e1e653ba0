"""How traffic moves to the new color: by which weights, and what it has to prove at each."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section

Policy = Literal["undo", "go on"]


class CutoverStep(Section):
    """A share of the traffic for the new color, and how long it is watched at it."""

    weight: int = Field(ge=1, le=100, description="per cent of the traffic that the new color gets")
    bake: Duration = Field(0.0, ge=0, le=86400, description="how long it is watched at this weight (seconds, or 2m)")


class Comparison(Section):
    """Both colors over the same window, from the switch's own record of each request, while traffic is split."""

    enabled: bool = True
    window: Duration = Field(30.0, ge=1, le=3600, description="how often the colors are compared during a bake")
    min_requests: int = Field(
        500, ge=10, le=10_000_000, description="requests each color must have answered in a bake; fewer is inconclusive"
    )
    significance: float = Field(
        0.001, gt=0, lt=0.5, description="how often an equal release may fail by chance, all in all"
    )
    errors: float = Field(0.5, ge=0, le=100, description="more 5xx answers than the old color's, in percentage points")
    slower: float = Field(
        1.25, ge=1, le=100, description="slow is what takes longer than so many times a quantile of the old color's"
    )
    slower_ms: float = Field(10.0, ge=0, le=600_000, description="and longer than it by so many milliseconds")
    tail: float = Field(
        1.0,
        gt=0,
        le=100,
        description="more slow answers than the old color's, in percentage points; below p96 more are allowed, "
        "12.5 points at the median (docs/comparison.md)",
    )
    on_inconclusive: Policy = Field("undo", description="too few requests to tell")
    on_error: Policy = Field("undo", description="the switch's record cannot be read")

"""How long the old color may take to finish its requests, and what happens then."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section


class Drain(Section):
    """Before a color is touched, the run waits until its requests and streams (WebSockets, server-sent events) end."""

    limit: Duration = Field(90.0, ge=0, le=86400, description="how long the run waits (seconds, or 2m)")
    at_limit: Literal["cut", "refuse"] = Field(
        "cut",
        description="cut the requests and streams that are left then, with a warning; or cut none and fail the run",
    )

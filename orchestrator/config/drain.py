"""How long the old color may take to end what it is doing, and what comes then."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section


class Drain(Section):
    """Before a color is touched, its requests and streams (WebSockets, server-sent events) are waited for."""

    limit: Duration = Field(90.0, ge=0, le=86400, description="how long they are waited for (seconds, or 2m)")
    at_limit: Literal["cut", "refuse"] = Field(
        "cut", description="what is still open then is cut, with a line that says so; or nothing is, and the run fails"
    )

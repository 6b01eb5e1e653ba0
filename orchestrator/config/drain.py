"""How long the old color may take to finish its requests, and what happens then."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section


class Drain(Section):
    """A run waits for a color's requests and streams (WebSockets, server-sent events) before it changes the color."""

    limit: Duration = Field(90.0, ge=0, le=86400, description="longest wait for these requests and streams")
    at_limit: Literal["cut", "refuse"] = Field(
        "cut",
        description="what happens if requests or streams are still open at the limit: `cut` ends them, with a"
        " warning; `refuse` cuts none, and the run fails",
    )

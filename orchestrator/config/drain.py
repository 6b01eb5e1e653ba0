"""The settings that say how long a run waits for the requests of a color, and what happens at the time limit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section


class Drain(Section):
    """Before a run changes a color, the run waits until the color's requests and streams (WebSockets) have ended."""

    limit: Duration = Field(
        90.0,
        ge=0,
        le=86400,
        description="longest time for which a run waits until the color has no open request or stream",
    )
    at_limit: Literal["cut", "refuse"] = Field(
        "cut",
        description="what happens if requests or streams are still open after `limit`. `cut`: the run goes on and "
        "shows a warning, and the next restart of the color ends them; `refuse`: the run leaves them open and fails",
    )

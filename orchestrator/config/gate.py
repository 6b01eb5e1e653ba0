"""The checks that the idle color must pass before traffic moves."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Gate(Section):
    """Checks each node's idle port by HTTP, its FPM by FastCGI, and the idle color as the switch sees it."""

    path: str = Field("/health", pattern=r"^/", description="a deep health page: 200 only if all is well")
    host: str = Field("localhost", description="Host header of gate requests")
    https: bool = Field(
        False,
        description="gate and warming send X-Forwarded-Proto: https, for an application that redirects other requests",
    )
    successes: int = Field(3, ge=1, le=100, description="good answers in a row")
    interval: float = Field(0.2, gt=0, le=60, description="seconds between two tries")
    deadline: float = Field(30.0, gt=0, le=3600, description="seconds until a node counts as not passing")

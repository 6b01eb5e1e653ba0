"""The checks that the idle color must pass before traffic moves."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Gate(Section):
    """Checks of the idle color before traffic moves: health page, running code, and the switch's own checks."""

    path: str = Field(
        "/health",
        pattern=r"^/",
        description="path of the deep health page, which answers 200 only if the application can serve requests",
    )
    host: str = Field("localhost", description="Host header of the requests of the gate")
    https: bool = Field(
        False,
        description="whether requests of the gate and of warming have the header X-Forwarded-Proto: https, "
        "for an application that redirects plain http",
    )
    successes: int = Field(
        3, ge=1, le=100, description="number of good answers in a row that the health page must give"
    )
    interval: float = Field(0.2, gt=0, le=60, description="seconds between two requests")
    deadline: float = Field(30.0, gt=0, le=3600, description="seconds within which each node must pass")

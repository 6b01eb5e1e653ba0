"""The settings of the gate: the checks that every node must pass before traffic moves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.config.form import form
from orchestrator.config.section import Section

PLAIN = "without spaces, quotes and the characters \\ # $ ; { }"


class Gate(Section):
    """The checks of the idle color before traffic moves: health page, running code, the switch's health checks."""

    path: Annotated[str, form(r"/[^\s\"'\\#$;{}]*", "the path of a page", f"begin with /, {PLAIN}")] = Field(
        "/health",
        description="URL path of the health page. The page should answer 200 only if the application can serve "
        "requests, for example only if the application reaches its database",
    )
    host: Annotated[str, form(r"[^\s\"'\\#$;{}]+", "a host name", f"write a name {PLAIN}")] = Field(
        "localhost", description="value of the Host header in requests of the gate"
    )
    https: bool = Field(
        False,
        description="whether the requests of the gate and of warming have the header `X-Forwarded-Proto: https`. An "
        "application that redirects plain http to https needs this header",
    )
    successes: int = Field(
        3, ge=1, le=100, description="number of consecutive requests to the health page that must succeed"
    )
    interval: float = Field(0.2, gt=0, le=60, description="seconds between two requests to the health page")
    deadline: float = Field(
        30.0, gt=0, le=3600, description="seconds within which each node must pass all checks of the gate"
    )

"""A load balancer that decides which color gets traffic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.section import Section


class Switch(Section):
    """One kind of balancer on all hosts of one inventory group. Several switches move as one."""

    kind: Literal["haproxy", "nginx"]
    group: str = Field(min_length=1, description="inventory group of the balancers")
    listen: int = Field(80, ge=1, le=65535, description="port on which the balancer answers")
    urls: list[str] = Field(
        min_length=1,
        description="every address of the switch, as the operator's machine reaches it; verified after a switch",
    )

"""The three ports of a node."""

from __future__ import annotations

from pydantic import Field, model_validator

from orchestrator.config.section import Section
from orchestrator.model import Color


class Ports(Section):
    """The TCP ports of nginx on each node."""

    live: int = Field(
        8080,
        ge=1,
        le=65535,
        description="port of the color to which the node's `live` link points; the switch `node` uses it",
    )
    blue: int = Field(8081, ge=1, le=65535, description="port of blue, to which balancers send blue's requests")
    green: int = Field(8082, ge=1, le=65535, description="port of green, to which balancers send green's requests")

    @model_validator(mode="after")
    def _distinct(self) -> Ports:
        if len({self.live, self.blue, self.green}) != 3:
            raise ValueError("live, blue and green need three different ports")
        return self

    def of(self, color: Color) -> int:
        return self.blue if color is Color.blue else self.green

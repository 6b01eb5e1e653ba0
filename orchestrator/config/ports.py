"""The settings of the three ports of a node: for the live color, for blue and for green."""

from __future__ import annotations

from pydantic import Field, model_validator

from orchestrator.config.section import Section
from orchestrator.model import Color


class Ports(Section):
    """The TCP ports of each node."""

    live: int = Field(
        8080,
        ge=1,
        le=65535,
        description="port of the live color, which is the color that the node's `live` link names. With the switch "
        "`node`, the users' requests arrive at this port",
    )
    blue: int = Field(
        8081,
        ge=1024,
        le=65535,
        description="port of blue, to which balancers send the requests for blue: 1024 or more, because nginx of a "
        "color does not run as root",
    )
    green: int = Field(
        8082,
        ge=1024,
        le=65535,
        description="port of green, to which balancers send the requests for green: 1024 or more",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Ports:
        if len({self.live, self.blue, self.green}) != 3:
            raise ValueError("live, blue and green need three different ports")
        return self

    def of(self, color: Color) -> int:
        return self.blue if color is Color.blue else self.green

"""The three ports of a node."""

from __future__ import annotations

from pydantic import Field, model_validator

from orchestrator.config.section import Section
from orchestrator.model import Color


class Ports(Section):
    """The switch sends requests to the ports of blue and green; the live port follows the ``live`` link."""

    live: int = Field(8080, ge=1, le=65535)
    blue: int = Field(8081, ge=1, le=65535)
    green: int = Field(8082, ge=1, le=65535)

    @model_validator(mode="after")
    def _distinct(self) -> Ports:
        if len({self.live, self.blue, self.green}) != 3:
            raise ValueError("live, blue and green need three different ports")
        return self

    def of(self, color: Color) -> int:
        return self.blue if color is Color.blue else self.green

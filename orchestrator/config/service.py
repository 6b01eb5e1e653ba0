"""The processes that a color runs beside PHP-FPM, or instead of PHP-FPM, such as a WebSocket server."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from orchestrator.config.section import Section
from orchestrator.model import Color


class ServicePorts(Section):
    """A TCP port of each color, on 127.0.0.1."""

    blue: int = Field(ge=1, le=65535)
    green: int = Field(ge=1, le=65535)

    @model_validator(mode="after")
    def _distinct(self) -> ServicePorts:
        if self.blue == self.green:
            raise ValueError("blue and green run at the same time, and need a port each")
        return self

    def of(self, color: Color) -> int:
        return self.blue if color is Color.blue else self.green


class Service(Section):
    """A process of each color that answers HTTP (WebSockets included) on its own unix socket, or on a port."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="its unit is `<app>-<color>-<name>.service`")
    command: str = Field(
        min_length=1,
        pattern=r"^[^\n\r\x00]+$",
        description="one shell command, run as the web user in the release's directory; RELEASE, COLOR and SOCKET "
        "(where it has to listen; PORT with `ports`) are in its environment",
    )
    path: str = Field(
        pattern=r"^((/[A-Za-z0-9._~-]+)+|/)$",
        description="the service answers all requests below this path, such as `/ws`; with the runtime `service`, `/` "
        "is all requests",
    )
    ports: ServicePorts | None = Field(
        None, description="the service listens on a port of 127.0.0.1, a different one per color, instead of a socket"
    )
    files: bool = Field(True, description="for the path `/`: nginx sends the files of the document root itself")

    @field_validator("name")
    @classmethod
    def _another_name(cls, name: str) -> str:
        if name == "fpm":
            raise ValueError("fpm is PHP-FPM's own")
        return name

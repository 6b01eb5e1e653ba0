"""The processes that a color runs beside PHP-FPM, or instead of PHP-FPM, such as a WebSocket server."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from orchestrator.config.section import Section
from orchestrator.model import Color


class ServicePorts(Section):
    """The TCP ports of a service on 127.0.0.1, one for each color."""

    blue: int = Field(ge=1, le=65535, description="port on which blue's process listens")
    green: int = Field(ge=1, le=65535, description="port on which green's process listens")

    @model_validator(mode="after")
    def _distinct(self) -> ServicePorts:
        if self.blue == self.green:
            raise ValueError("blue and green run at the same time, and need a port each")
        return self

    def of(self, color: Color) -> int:
        return self.blue if color is Color.blue else self.green


class Service(Section):
    """A process of each color that answers HTTP, WebSockets included, on a unix socket or on a TCP port."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
        description="name of the service; its systemd unit is `<app>-<color>-<name>.service`",
    )
    command: str = Field(
        min_length=1,
        pattern=r"^[^\n\r\x00]+$",
        description="one shell command, which runs as the web user in the release's directory. RELEASE and "
        "COLOR are in its environment, and SOCKET, the path of the socket on which it must listen"
        " (with `ports`: PORT, the port)",
    )
    path: str = Field(
        pattern=r"^((/[A-Za-z0-9._~-]+)+|/)$",
        description="URL path, such as `/ws`: the service answers every request whose path is this one or "
        "lies below it. `/`, which needs the runtime `service`, means all requests",
    )
    ports: ServicePorts | None = Field(
        None,
        description="TCP ports on 127.0.0.1, a different one for each color; default: the service listens on a socket",
    )
    files: bool = Field(
        True, description="only for the path `/`: whether nginx sends the files of the document root itself"
    )

    @field_validator("name")
    @classmethod
    def _another_name(cls, name: str) -> str:
        if name == "fpm":
            raise ValueError("fpm is PHP-FPM's own")
        return name

"""The settings of services: processes, such as a WebSocket server, that a color runs beside or instead of PHP-FPM."""

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
            raise ValueError("blue and green run at the same time, and need different ports")
        return self

    def of(self, color: Color) -> int:
        return self.blue if color is Color.blue else self.green


class Service(Section):
    """A process of each color that answers HTTP requests and WebSockets on a unix socket or a TCP port."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
        description="name of the service; its systemd unit is `<app>-<color>-<name>.service`",
    )
    command: str = Field(
        min_length=1,
        pattern=r"^[^\n\r\x00]+$",
        description="one shell command, which the web user runs in the release's directory. The command must listen on "
        "the unix socket whose path is in the environment variable SOCKET. With `ports`, the command must listen on "
        "the TCP port in the variable PORT instead. The variables RELEASE and COLOR are also set",
    )
    path: str = Field(
        pattern=r"^((/[A-Za-z0-9._~-]+)+|/)$",
        description="URL path, such as `/ws`. The service answers the requests for this path and for all paths below "
        "it. `/` means all requests, and needs the runtime `service`",
    )
    ports: ServicePorts | None = Field(
        None,
        description="TCP ports on 127.0.0.1, one for each color; default: the service listens on a unix socket",
    )
    files: bool = Field(
        True,
        description="only for the path `/`: whether nginx itself sends the files of the document root. If not, the "
        "service also gets the requests for these files",
    )

    @field_validator("name")
    @classmethod
    def _another_name(cls, name: str) -> str:
        if name in ("fpm", "nginx"):
            raise ValueError(f"{name} is the name of a unit that each color has: choose another name")
        return name

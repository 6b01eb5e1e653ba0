"""What a color runs beside PHP-FPM, such as a WebSocket server."""

from __future__ import annotations

from pydantic import Field, field_validator

from orchestrator.config.section import Section


class Service(Section):
    """A process of each color that answers HTTP, WebSockets included, on a unix socket of its own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="its unit is `<app>-<color>-<name>.service`")
    command: str = Field(
        min_length=1,
        pattern=r"^[^\n\r\x00]+$",
        description="one shell command, run as the web user in the release's directory; RELEASE, COLOR and SOCKET "
        "(where it has to listen) are in its environment",
    )
    path: str = Field(
        pattern=r"^(/[A-Za-z0-9._~-]+)+$", description="what is asked under this path is answered by it, such as `/ws`"
    )

    @field_validator("name")
    @classmethod
    def _another_name(cls, name: str) -> str:
        if name == "fpm":
            raise ValueError("fpm is PHP-FPM's own")
        return name

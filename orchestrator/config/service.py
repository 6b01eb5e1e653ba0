"""The settings of services: the processes of a color in addition to PHP-FPM, or instead of PHP-FPM."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from orchestrator.config.form import form, newly
from orchestrator.config.names import name_of
from orchestrator.config.program import not_one_program
from orchestrator.config.section import Section
from orchestrator.model import Color

PATH = form(
    r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+|/",
    "a URL path",
    "use letters, digits and . _ ~ - /, with / at the beginning, without / at the end, and without the parts . and ..",
    lambda text: f"/{text.strip('/')}",
)

UNITS = ("bar", "firewall", "fpm", "nginx", "shrink", "trim")
"""Last parts of the names of units that provisioning installs, such as ``shop-blue-fpm.service``."""


def unit_of_ours(name: str) -> str | None:
    """Return why no service may have this name; None if a service may have this name.

    The unit of a service is named ``<app>-<color>-<name>``. The unit must not have the same name as another unit that
    this tool installs. If the name of the service began with a color, its unit could have the same name as a unit of
    another application whose name ends with a color.
    """
    if name in UNITS:
        return f"{name} is the name of a unit that this tool installs: choose another name, such as {name}-server"
    if name in set(Color) or name.startswith(tuple(f"{color}-" for color in Color)):
        return f"{name} begins with the name of a color, as units of this tool do: choose another name"
    return None


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

    name: Annotated[str, name_of("a service"), newly(unit_of_ours)] = Field(
        description="name of the service; its systemd unit is `<app>-<color>-<name>.service`",
    )
    command: Annotated[str, newly(not_one_program)] = Field(
        min_length=1,
        description="one program with its arguments, which the web user runs in the release's directory. The program "
        "must listen on the unix socket whose path is in the environment variable SOCKET. With `ports`, it must listen "
        "on the TCP port in the variable PORT instead. The variables RELEASE and COLOR are also set",
    )
    path: Annotated[str, PATH] = Field(
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

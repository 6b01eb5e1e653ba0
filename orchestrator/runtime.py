"""What answers for a color, as the settings' ``runtime`` says: PHP-FPM, a service, or nothing but nginx. Pure."""

from __future__ import annotations

import shlex
from typing import Any

from orchestrator.config import Settings
from orchestrator.config.service import Service
from orchestrator.model import Color
from orchestrator.scripts.fastcgi import fastcgi_command

FPM = "fpm"


def main_service(settings: Settings) -> Service | None:
    """The service that answers everything, None if there is none."""
    return next((service for service in settings.services if service.path == "/"), None)


def main_name(settings: Settings) -> str:
    """The last word of the name of the main unit of each color; empty if nothing runs but nginx."""
    service = main_service(settings)
    return FPM if settings.runtime == "php" else service.name if service else ""


def main_unit(settings: Settings, color: Color) -> str | None:
    """The systemd unit that answers for a color, None if nothing runs but nginx."""
    name = main_name(settings)
    return settings.node.service_unit(color, name) if name else None


def what(settings: Settings) -> str:
    """What answers for a color, for people; empty if nothing runs but nginx."""
    return "PHP-FPM" if settings.runtime == "php" else main_name(settings)


def code(settings: Settings, color: Color) -> str:
    """A shell command whose last line is JSON: which code the color's processes run. Empty: nothing runs."""
    layout, unit = settings.node, main_unit(settings, color)
    if settings.runtime == "php":
        root = f"{layout.link(color)}/{settings.php.public}"
        return fastcgi_command(layout.socket(color), f"{layout.library}/inspect.php", "", root)
    return shlex.join(["sudo", "-n", f"{layout.library}/runs", unit]) if unit else ""


def compiled(settings: Settings) -> list[str]:
    """What of a release is compiled into OPcache; nothing where no PHP-FPM runs."""
    return settings.php.compile if settings.runtime == "php" else []


def workers(settings: Settings) -> int:
    """How many workers of a color each need a page to be warm; 0 where no PHP-FPM runs."""
    return settings.php.workers if settings.runtime == "php" else 0


def in_flight(settings: Settings, color: Color) -> dict[str, Any]:
    """The arguments of ``ColorInFlight``."""
    service, layout = main_service(settings), settings.node
    nearest = address(settings, service, color) if service else ""
    others = [address(settings, one, color) for one in settings.services if one is not service]
    return {
        "directory": f"{layout.color(color)}/run",
        "port": settings.ports.of(color),
        "main": layout.socket(color) if settings.runtime == "php" else nearest,
        "others": [one for one in others if one.isdigit()],
    }


def address(settings: Settings, service: Service, color: Color) -> str:
    """Where a color's service listens: the number of a port, or the path of a socket."""
    return str(service.ports.of(color)) if service.ports else settings.node.service_socket(color, service.name)

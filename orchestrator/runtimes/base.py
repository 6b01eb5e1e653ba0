"""The common interface of all runtimes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from orchestrator.config import Settings
from orchestrator.config.service import Service
from orchestrator.model import Color


class Runtime(ABC):
    """The kind of program that answers the requests to a color: PHP-FPM, a service, or nginx alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def main_name(self) -> str:
        """The last word in the name of a color's main systemd unit: ``fpm`` in ``shop-blue-fpm.service``.

        Empty if only nginx runs.
        """

    @property
    @abstractmethod
    def label(self) -> str:
        """The name, for messages, of the program that answers requests (``PHP-FPM``); empty if only nginx runs."""

    @abstractmethod
    def code(self, color: Color) -> str:
        """Return a shell command that reports which code the color's processes run.

        The last line that the command prints is the report, as JSON. Returns an empty string if only nginx runs.
        """

    @abstractmethod
    def listener(self, color: Color) -> str:
        """Return the port number or socket path at which a color's main process listens; empty if only nginx runs."""

    @property
    def main_service(self) -> Service | None:
        """The service that answers all requests; None if PHP-FPM or nginx answers the requests."""
        return None

    @property
    def compiled(self) -> list[str]:
        """The paths, in a release, of the PHP files to compile into OPcache; empty without PHP-FPM."""
        return []

    @property
    def entries(self) -> list[str]:
        """The patterns of the PHP files, in the document root, that a request can run; empty without PHP-FPM."""
        return []

    def said(self, color: Color) -> str:
        """Return a shell command that prints the last error of PHP in a color; empty without PHP-FPM."""
        return ""

    @property
    def workers(self) -> int:
        """The number of PHP-FPM workers of a color; 0 without PHP-FPM. The stage ``warm`` warms all workers."""
        return 0

    def main_unit(self, color: Color) -> str | None:
        """Return the name of the systemd unit that answers the requests to a color; None if only nginx runs."""
        return self.settings.node.service_unit(color, self.main_name) if self.main_name else None

    def in_flight(self, color: Color) -> dict[str, Any]:
        """Return the arguments of the fact ``ColorInFlight``, which counts the requests and streams of a color."""
        layout, main = self.settings.node, self.main_service
        others = [
            listener_of(self.settings, service, color) for service in self.settings.services if service is not main
        ]
        return {
            "directory": f"{layout.color(color)}/run",
            "port": self.settings.ports.of(color),
            "listens": f"{layout.link(color)}/{layout.STACK}/{layout.listens(color, '')}",
            "service": main.name if main else "",
            "main": self.listener(color),
            "others": [other for other in others if other.isdigit()],
        }


def listener_of(settings: Settings, service: Service, color: Color) -> str:
    """Return the port number or socket path at which a service of a color listens."""
    return str(service.ports.of(color)) if service.ports else settings.node.service_socket(color, service.name)

"""The common interface of all runtimes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from orchestrator.config import Settings
from orchestrator.config.service import Service
from orchestrator.model import Color


class Runtime(ABC):
    """The program that answers for a color."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def main_name(self) -> str:
        """The last word of the name of each color's main unit; empty if only nginx runs."""

    @property
    @abstractmethod
    def label(self) -> str:
        """A readable name of the program that answers requests; empty if only nginx runs."""

    @abstractmethod
    def code(self, color: Color) -> str:
        """A shell command whose last line is JSON: the code that the color's processes run. Empty if there are none."""

    @abstractmethod
    def listener(self, color: Color) -> str:
        """The port number or socket path at which the main process listens. Empty if only nginx runs."""

    @property
    def main_service(self) -> Service | None:
        """The service that answers all requests, None if there is none."""
        return None

    @property
    def compiled(self) -> list[str]:
        """The paths of a release that are compiled into OPcache; empty without PHP-FPM."""
        return []

    @property
    def workers(self) -> int:
        """The number of a color's workers, each of which needs a page to be warm; 0 without PHP-FPM."""
        return 0

    def main_unit(self, color: Color) -> str | None:
        """The systemd unit that answers for a color, None if only nginx runs."""
        return self.settings.node.service_unit(color, self.main_name) if self.main_name else None

    def in_flight(self, color: Color) -> dict[str, Any]:
        """The arguments of ``ColorInFlight``, which counts a color's requests."""
        layout, main = self.settings.node, self.main_service
        others = [
            listener_of(self.settings, service, color) for service in self.settings.services if service is not main
        ]
        return {
            "directory": f"{layout.color(color)}/run",
            "port": self.settings.ports.of(color),
            "main": self.listener(color),
            "others": [other for other in others if other.isdigit()],
        }


def listener_of(settings: Settings, service: Service, color: Color) -> str:
    """The port number or socket path at which a color's service listens."""
    return str(service.ports.of(color)) if service.ports else settings.node.service_socket(color, service.name)

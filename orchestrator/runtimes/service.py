"""The runtime ``service``: a service with the path ``/`` answers all requests."""

from __future__ import annotations

import shlex

from typing_extensions import override

from orchestrator.config.service import Service
from orchestrator.model import Color
from orchestrator.runtimes.base import Runtime, listener_of


class ServiceRuntime(Runtime):
    """The service with the path ``/`` answers the requests.

    A rule of the settings ensures that there is exactly one such service.
    """

    @property
    @override
    def main_service(self) -> Service:
        return next(service for service in self.settings.services if service.path == "/")

    @property
    @override
    def main_name(self) -> str:
        return self.main_service.name

    @property
    @override
    def label(self) -> str:
        return self.main_name

    @override
    def code(self, color: Color) -> str:
        layout = self.settings.node
        return shlex.join(["sudo", "-n", f"{layout.library}/runs", layout.service_unit(color, self.main_name)])

    @override
    def listener(self, color: Color) -> str:
        return listener_of(self.settings, self.main_service, color)

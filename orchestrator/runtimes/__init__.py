"""The runtimes: PHP-FPM, a service, or nginx alone. The setting ``runtime`` names the runtime that answers requests.

Each runtime has one file with one class. Pure.
"""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.runtimes.base import Runtime, listener_of
from orchestrator.runtimes.php import PhpRuntime
from orchestrator.runtimes.service import ServiceRuntime
from orchestrator.runtimes.static import StaticRuntime

__all__ = ["Runtime", "listener_of", "runtime_of"]

RUNTIMES: dict[str, type[Runtime]] = {"php": PhpRuntime, "service": ServiceRuntime, "static": StaticRuntime}


def runtime_of(settings: Settings) -> Runtime:
    """Return the runtime that the settings name."""
    return RUNTIMES[settings.runtime](settings)

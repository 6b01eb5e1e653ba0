"""Rules about the processes of a color: services, their ports and sockets, workers, schedules, and the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.model import Color

if TYPE_CHECKING:
    from orchestrator.config.service import Service
    from orchestrator.config.settings import Settings

SOCKET_PATH = 107
"""Number of characters that the path of a unix socket may have at most on Linux."""


def services_are_distinct(settings: Settings) -> str | None:
    """Return an error message if two services have the same name or the same path, otherwise None."""
    names = [service.name for service in settings.services]
    paths = [service.path for service in settings.services]
    for key, given in (("name", names), ("path", paths)):
        if twice := sorted({value for value in given if given.count(value) > 1}):
            return f"services: several services have the {key} {', '.join(twice)}: give each service a different {key}"
    return None


def sockets_have_short_paths(settings: Settings) -> str | None:
    """Return an error message if the path of a service's socket is longer than Linux allows, otherwise None."""
    for service in settings.services:
        longest = max((settings.node.service_socket(color, service.name) for color in Color), key=len)
        if len(longest) > SOCKET_PATH:
            return (
                f"services: the socket path {longest} has {len(longest)} characters, but Linux permits only "
                f"{SOCKET_PATH}: choose a shorter name for the service, or a shorter root"
            )
    return None


def session_files_are_provided(settings: Settings) -> str | None:
    """Return an error message if ``shared.directories`` lists a directory that the tool itself makes, otherwise None.

    This directory is ``sessions``. The tool makes this directory only with the setting ``php.sessions = "shared"``.
    """
    if settings.shared_sessions and "sessions" in settings.shared.directories:
        return (
            'shared.directories: the entry sessions is not needed, because php.sessions = "shared" makes this '
            "directory: remove the entry"
        )
    return None


def runtime_fits_the_services(settings: Settings) -> str | None:
    """Return an error message if the runtime and the services do not fit together, otherwise None.

    The runtime ``service`` needs a service with the path ``/``. Every other runtime must have no such service.
    """
    main = _main(settings)
    if settings.runtime == "service" and not main:
        return (
            "runtime: the runtime service needs a service with the path /, which answers all other requests: set "
            "the path / for a service in services"
        )
    if settings.runtime != "service" and main:
        return (
            f"services: {main.name} has the path /, which only the runtime service permits: set runtime = "
            '"service", or choose another path'
        )
    return None


def main_service_shows_no_code(settings: Settings) -> str | None:
    """Return an error message if nginx would send the code of the application, otherwise None.

    This is the case if the service with the path ``/`` has the setting ``files``, so that nginx sends the files of the
    document root, and the document root is the whole release.
    """
    main = _main(settings)
    if main and main.files and settings.php.public == ".":
        return (
            f"services: {main.name}: nginx would send all files of the release, code included, because files is "
            "True and php.public is the whole release: choose a directory for php.public, or set files = False"
        )
    return None


def assets_are_sent_by_nginx(settings: Settings) -> str | None:
    """Return an error message if ``assets`` would have no effect, otherwise None.

    If the service with the path ``/`` sends all files itself, nginx sends no files, and ``assets`` has no effect.
    """
    main = _main(settings)
    if settings.assets and main and not main.files:
        return (
            f"assets: nginx sends no assets, because the service {main.name} has files = False and so sends its "
            "files itself: remove assets, or set files = True"
        )
    return None


def static_runs_no_services(settings: Settings) -> str | None:
    """Return an error message if there are services with the runtime ``static``, otherwise None.

    With the runtime ``static``, only nginx runs.
    """
    if settings.runtime == "static" and settings.services:
        return (
            'services: the runtime static runs no services: remove services, or set runtime = "service", with '
            "which nginx also sends files"
        )
    return None


def ports_are_distinct(settings: Settings) -> str | None:
    """Return an error message if two ports of a node (``ports`` or ports of services) are equal, otherwise None."""
    used = {port: f"ports.{name}" for name, port in settings.ports.model_dump().items()}
    for service in settings.services:
        if service.ports is None:
            continue
        for color in Color:
            port = service.ports.of(color)
            if port in used:
                return (
                    f"services: {service.name}.ports.{color}: the port {port} is used by {used[port]}: choose another "
                    "port"
                )
            used[port] = f"{service.name}.ports.{color}"
    return None


def workers_have_their_own_names(settings: Settings) -> str | None:
    """Return an error message if a worker has the name of another worker or of a service, otherwise None."""
    names = [*(one.name for one in settings.workers), *(one.name for one in settings.services)]
    if twice := sorted({one.name for one in settings.workers if names.count(one.name) > 1}):
        return f"workers: several workers or services have the name {', '.join(twice)}: give each a different name"
    return None


def schedules_have_their_own_names(settings: Settings) -> str | None:
    """Return an error message if a schedule has the name of another schedule or of a worker, otherwise None.

    The lines of both have the identifier ``<app>-<name>`` in systemd's journal.
    """
    names = [*(one.name for one in settings.schedule), *(one.name for one in settings.workers)]
    if twice := sorted({one.name for one in settings.schedule if names.count(one.name) > 1}):
        return f"schedule: several schedules or workers have the name {', '.join(twice)}: give each a different name"
    return None


def _main(settings: Settings) -> Service | None:
    """Return the service with the path ``/``, which answers all requests; None if there is no such service."""
    return next((service for service in settings.services if service.path == "/"), None)

"""The paths that an application has on a host, whatever the host's role. Pure."""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.model import Color
from orchestrator.provision import render

PARENTS = (
    "/etc/orchestrator",
    "/usr/local/lib/orchestrator",
    "/var/log/orchestrator",
    "/var/lib/orchestrator",
    "/var/cache/orchestrator",
    "/run/orchestrator",
)
"""Directories that all applications of a host share. They are removed together with the last application."""

SHARED = "shared"

ENTRIES = ("repo.git", ".repo.git.new", "releases", SHARED, "guard", *Color, "live", "live.new", "live.armed")
"""The names of the files and directories that the tool makes in the root of an application, ``/srv/<app>``."""


def serving(settings: Settings) -> dict[str, str]:
    """Return program -> the application's configuration file, by which the program serves the application."""
    return {"haproxy": settings.balancer.haproxy_conf, "nginx": render.nginx_conf(settings)}


def system(settings: Settings) -> list[str]:
    """Return the paths outside the root that are removed after the traffic has ended. The state is not among them."""
    files = [*serving(settings).values(), f"/etc/sudoers.d/{settings.app}", f"/etc/logrotate.d/{settings.app}"]
    return [
        *(f"{file}{end}" for file in files for end in ("", ".candidate", ".removed")),
        settings.node.library,
        settings.balancer.record.rpartition("/")[0],
        settings.balancer.haproxy_socket,
        *(path for color in Color for path in _of_color(settings, color)),
        # the last path, because the list of the barred nodes is here
        settings.node.etc,
    ]


def _of_color(settings: Settings, color: Color) -> list[str]:
    """Return the directories that systemd makes for the units of a color, and files beside them."""
    name = f"orchestrator/{settings.app}-{color}"
    beside = ("", ".loaded", "-nginx", "-nginx.listen", "-nginx.loaded", "-nginx.socket-only")
    return [*(f"/run/{name}{end}" for end in beside), f"/var/cache/{name}"]


def state(settings: Settings) -> str:
    """Return the directory with the state of the switch, the lock and the journal. It is removed last of all."""
    return settings.balancer.state


def entries(keep_shared: bool) -> list[str]:
    """Return the names in the root that are removed.

    + keep_shared: whether the shared data stays
    """
    return [str(name) for name in ENTRIES if not (keep_shared and name == SHARED)]

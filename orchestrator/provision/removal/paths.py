"""Compute the paths that an application may have on its hosts. All functions are pure.

The lists contain the paths of nodes and of balancers. Therefore some of the paths do not exist on a given host.
"""

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
"""Directories that all applications of a host share.

A removal removes these directories only if they are empty: when the last application of the host is removed.
"""

SHARED = "shared"

ENTRIES = (
    "repo.git",
    ".repo.git.new",
    "modules",
    "releases",
    SHARED,
    "guard",
    *Color,
    "live",
    "live.new",
    "live.armed",
)
"""The names of the files and directories that the tool makes in the root directory of an application.

The root directory is ``NodeLayout.root``, such as ``/srv/<name>``.
"""


def serving(settings: Settings) -> dict[str, str]:
    """Return the paths of the configuration files with which HAProxy and nginx serve the application: program -> path.

    The keys are ``haproxy`` and ``nginx``.
    """
    return {"haproxy": settings.balancer.haproxy_conf, "nginx": render.nginx_conf(settings)}


def system(settings: Settings, keep_shared: bool = False) -> list[str]:
    """Return the paths outside the application's root directory that a removal removes, without the state directory.

    The root directory is ``NodeLayout.root``. `state` returns the state directory, which is removed later than these
    paths.

    + keep_shared: whether the directory ``shared`` stays. Then the record of the user to whom its files belong also
      stays.
    """
    files = [*serving(settings).values(), f"/etc/sudoers.d/{settings.name}", f"/etc/logrotate.d/{settings.name}"]
    return [
        *(f"{file}{end}" for file in files for end in ("", ".candidate", ".removed")),
        settings.node.library,
        settings.balancer.record.rpartition("/")[0],
        settings.balancer.haproxy_socket,
        settings.balancer.haproxy_admin,
        *(path for color in Color for path in _of_color(settings, color)),
        *([] if keep_shared else [settings.node.kept_web_user]),
        # the last path, because it holds the list of nodes: without the list, a second removal would not find the bars
        settings.node.etc,
    ]


def _of_color(settings: Settings, color: Color) -> list[str]:
    """Return the paths in ``/run`` and ``/var/cache`` that belong to the systemd units of a color."""
    name = f"orchestrator/{settings.name}-{color}"
    beside = ("", ".loaded", "-nginx", "-nginx.listen", "-nginx.loaded", "-nginx.socket-only")
    return [*(f"/run/{name}{end}" for end in beside), f"/var/cache/{name}"]


def state(settings: Settings) -> str:
    """Return the path of the state directory. A removal removes this directory after all other paths.

    The state directory holds the lock, the journal, and on a balancer the weights.
    """
    return settings.balancer.state


def entries(keep_shared: bool) -> list[str]:
    """Return the names of the files and directories in the application's root directory that a removal removes.

    + keep_shared: whether the directory ``shared`` stays, so that the result does not contain its name
    """
    return [str(name) for name in ENTRIES if not (keep_shared and name == SHARED)]

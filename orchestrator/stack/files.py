"""Make the files of a release that configure its color.

Each release has these files for both colors, in the directory ``.release/stack`` of the release. All functions are
pure.
"""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping

from orchestrator.config import Settings
from orchestrator.model import Color
from orchestrator.runtimes import listener_of
from orchestrator.stack import php
from orchestrator.stack.nginx import nginx_conf


def files(settings: Settings) -> dict[str, str]:
    """Return the files that configure the color of a release: name of the file -> text of the file.

    A release may run in either color, so there are files for both colors.

    Raises UsageError if a file cannot be made from the settings.
    """
    found = {f"nginx-{color}.conf": nginx_conf(settings, color) for color in Color}
    found |= {f"service-{service.name}": f"{service.command}\n" for service in settings.services}
    # Each file has the port or socket at which the color's nginx asks a service. The service listens there, and not at
    # the port that its systemd unit names, because provisioning may have written the unit with another port.
    found |= {
        settings.node.listens(color, service.name): f"{listener_of(settings, service, color)}\n"
        for service in settings.services
        for color in Color
    }
    found |= {f"worker-{worker.name}": f"{worker.command}\n" for worker in settings.workers}
    found |= {f"count-{worker.name}": f"{worker.count}\n" for worker in settings.workers}
    found |= {f"schedule-{one.name}": f"{one.command}\n" for one in settings.schedule}
    return found | (php.files(settings) if settings.runtime == "php" else {})


def packed(texts: Mapping[str, str], public: str) -> str:
    """Return a tar archive, encoded in base64, of files and of the symlink ``public`` to the release's document root.

    The same files always give the same archive.

    + texts: name of each file -> text of the file
    + public: the document root, as a path in the release; ``.`` is the whole release
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in sorted(texts.items()):
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("public")
        # the files are in `.release/stack`, which is two levels below the release
        link.type, link.linkname = tarfile.SYMTYPE, "../.." if public == "." else f"../../{public}"
        tar.addfile(link)
    return base64.b64encode(archive.getvalue()).decode()

"""Find the paths of a release that lie in the document root, and the paths that nginx must not send. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings


def in_document_root(settings: Settings, paths: Iterable[str]) -> list[str]:
    """Return the paths of a release that lie in the document root, relative to the document root, sorted."""
    public = "" if settings.php.public == "." else f"{settings.php.public}/"
    return sorted({path.removeprefix(public) for path in paths if path.startswith(public)})


def shared(settings: Settings) -> list[str]:
    """Return the shared paths in the document root, relative to the document root."""
    return in_document_root(settings, (*settings.shared.directories, *settings.shared.files))


def private(settings: Settings) -> list[str]:
    """Return the environment file and the private files in the document root, relative to the document root."""
    environment = [settings.environment.path] if settings.environment else []
    return in_document_root(settings, (*environment, *settings.permissions.private))


def written(settings: Settings) -> list[str]:
    """Return the directories of the document root to which the application may write, relative to the document root."""
    return in_document_root(settings, (*settings.shared.directories, *settings.permissions.writable))


def risks(settings: Settings) -> list[str]:
    """Return one line that names the shared paths in the document root that nginx does not send.

    The result is empty if there are no such paths, or if nginx does not send the files of the document root at all. If
    ``web.serve`` names a path or a directory above the path, nginx sends the path.
    """
    served = tuple(f"{path}/" for path in settings.web.serve)
    kept = [path for path in shared(settings) if not f"{path}/".startswith(served)]
    if not kept or not settings.sends_files:
        return []
    return [
        f"the document root ({settings.php.public}) contains shared paths: {', '.join(kept)}. nginx does not send "
        "their files. If the files are public, list these paths in web.serve"
    ]

"""Find paths of a release that lie in the document root: shared, private and writable paths. All functions are pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings


def in_document_root(settings: Settings, paths: Iterable[str]) -> list[str]:
    """Return those of the given paths that lie in the document root, relative to the document root, and sorted.

    + paths: paths in a release, relative to the release
    """
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
    """Return the writable directories in the document root, relative to the document root.

    The application may write to these directories.
    """
    return in_document_root(settings, (*settings.shared.directories, *settings.permissions.writable))


def risks(settings: Settings) -> list[str]:
    """Return a warning if the document root contains shared paths whose files nginx does not send.

    The warning is a list with one line. The list is empty if nginx sends the files of all shared paths, or if nginx
    sends no files of the document root at all. nginx sends the files of a shared path only if ``web.serve`` lists the
    path or a directory above the path.
    """
    served = tuple(f"{path}/" for path in settings.web.serve)
    kept = [path for path in shared(settings) if not f"{path}/".startswith(served)]
    if not kept or not settings.sends_files:
        return []
    return [
        f"the document root ({settings.php.public}) contains shared paths: {', '.join(kept)}. nginx does not send "
        "their files. If the files are public, list these paths in web.serve"
    ]

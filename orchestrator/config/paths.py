"""Check the paths in the settings that must lie inside a release."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def inside(path: str) -> str:
    """Return a path inside a release, without ``/`` at the end.

    Raises ValueError in these cases: the path is empty or absolute; it has an empty part, a part ``.`` or ``..``, or a
    line break; it lies in ``.git`` or ``.release``.
    """
    parts = path.removesuffix("/").split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\n" in path:
        raise ValueError(f"{path!r} is not a path inside a release")
    if parts[0] in (".git", ".release"):
        raise ValueError(f"{path!r} belongs to git or to the orchestrator: choose another path")
    return "/".join(parts)


ReleasePath = Annotated[str, AfterValidator(inside)]
"""A path inside a release, relative to the directory of the release."""


def overlap(one: str, other: str) -> bool:
    """Return whether both paths are equal, or one path lies below the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")

"""Paths inside a release, as the settings name them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def inside(path: str) -> str:
    """A relative path without ``..``. Raises ValueError otherwise."""
    parts = path.removesuffix("/").split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\n" in path:
        raise ValueError(f"{path!r} is not a path inside a release")
    if parts[0] in (".git", ".release"):
        raise ValueError(f"{path!r} is not the application's")
    return "/".join(parts)


ReleasePath = Annotated[str, AfterValidator(inside)]
"""A path below a release, relative to it."""


def overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or holds it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")

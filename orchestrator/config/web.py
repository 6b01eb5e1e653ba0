"""What nginx sends to clients, and what nginx tells the application about them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.config.section import Section

PART = r"[A-Za-z0-9._~@+*-]+"


def _served(path: str) -> str:
    """Return a path below the document root. Raises ValueError if the path is not relative, or has odd characters."""
    path = path.removesuffix("/")
    if "*" in path or not _is_relative(path):
        raise ValueError(
            f"{path!r} is not a path in the document root: use letters, digits and . _ ~ @ + - /, without / at the "
            "beginning"
        )
    return path


def _denied(pattern: str) -> str:
    """Return a pattern of paths below the document root. Raises ValueError if it is not one."""
    pattern = pattern.removesuffix("/")
    if not _is_relative(pattern):
        raise ValueError(
            f"{pattern!r} is not a pattern of paths in the document root: use letters, digits and . _ ~ @ + - / *, "
            "without / at the beginning"
        )
    return pattern


def _is_relative(path: str) -> bool:
    return re.fullmatch(rf"{PART}(/{PART})*", path) is not None and not {".", ".."} & set(path.split("/"))


class Web(Section):
    """What nginx on the nodes sends (docs/web.md). Paths and patterns are relative to the document root."""

    serve: list[Annotated[str, AfterValidator(_served)]] = Field(
        default_factory=list,
        description="files and directories that are sent although they are shared or `deny` names them, such as a "
        "directory of public uploads. Hidden files in these directories are not sent",
    )
    deny: list[Annotated[str, AfterValidator(_denied)]] = Field(
        default_factory=list,
        description="patterns of paths that are answered with 404, such as `*.sql` or `vendor`. A `*` also matches "
        "slashes, capital and small letters are the same, and everything below a matching directory is denied, too",
    )

"""The settings of the owners and modes of a release's files."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from orchestrator.config.paths import ReleasePath, inside
from orchestrator.config.section import Section


class Permissions(Section):
    """Owners and modes of a release's files. By default the deploy user owns all files, and all users may read them."""

    group: str | None = Field(
        None, pattern=r"^[a-z_][a-z0-9_-]*$", description="group of all files; default: the deploy user's group"
    )
    files: str | None = Field(
        None, pattern=r"^[0-7]{3}$", description="mode of all files, such as `640`. Executable files stay executable"
    )
    directories: str | None = Field(
        None, pattern=r"^[2]?[0-7]{3}$", description="mode of all directories, such as `750`"
    )
    modes: dict[str, str] = Field(
        default_factory=dict,
        description="modes of single files or directories, as path and mode. Such a mode wins over `files` and "
        "`directories`",
    )
    private: list[ReleasePath] = Field(
        default_factory=list,
        description="files that only the deploy user and the web user may read, for instance cached secrets. The web "
        "user gets this permission by an ACL",
    )
    writable: list[ReleasePath] = Field(
        default_factory=list,
        description="directories into which the web user may also write, for instance caches. The web user gets this "
        "permission by an ACL. Missing directories are created",
    )

    @field_validator("modes")
    @classmethod
    def _modes(cls, modes: dict[str, str]) -> dict[str, str]:
        for path, mode in modes.items():
            if not re.fullmatch(r"[0-7]{3,4}", mode):
                raise ValueError(f"{path}: {mode!r} is not a mode such as 640")
        return {inside(path): mode for path, mode in modes.items()}

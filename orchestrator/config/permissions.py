"""Permissions of a release's files."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from orchestrator.config.paths import ReleasePath, inside
from orchestrator.config.section import Section


class Permissions(Section):
    """By default a release belongs to the deploy user, and all users may read it. These settings change that."""

    group: str | None = Field(
        None, pattern=r"^[a-z_][a-z0-9_-]*$", description="group of all its files; default the deploy user's"
    )
    files: str | None = Field(None, pattern=r"^[0-7]{3}$", description="mode of all files; an executable one keeps x")
    directories: str | None = Field(None, pattern=r"^[2]?[0-7]{3}$", description="mode of all directories")
    modes: dict[str, str] = Field(default_factory=dict, description="path: mode; overrides `files`, `directories`")
    private: list[ReleasePath] = Field(
        default_factory=list,
        description="files that only the deploy user and, by an ACL, the web user may read, such as cached secrets",
    )
    writable: list[ReleasePath] = Field(
        default_factory=list,
        description="directories of a release that the web user may also write (ACL; made if missing), such as caches",
    )

    @field_validator("modes")
    @classmethod
    def _modes(cls, modes: dict[str, str]) -> dict[str, str]:
        for path, mode in modes.items():
            if not re.fullmatch(r"[0-7]{3,4}", mode):
                raise ValueError(f"{path}: {mode!r} is not a mode such as 640")
        return {inside(path): mode for path, mode in modes.items()}

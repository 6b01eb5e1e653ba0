"""The settings of the owners and modes of a release's files."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from orchestrator.config.form import RECORDED, form
from orchestrator.config.names import Group
from orchestrator.config.paths import ReleasePath, inside
from orchestrator.config.section import Section


class Permissions(Section):
    """Owners and modes of a release's files. By default the deploy user owns all files, and all users may read them."""

    group: Group | None = Field(None, description="group of all files; default: the deploy user's group")
    files: Annotated[str, form("[0-7]{3}", "a mode of files", "use three octal digits, such as 640")] | None = Field(
        None, description="mode of all files, such as `640`. Executable files stay executable"
    )
    directories: (
        Annotated[str, form("2?[0-7]{3}", "a mode of directories", "use three octal digits, such as 750, or 2750")]
        | None
    ) = Field(None, description="mode of all directories, such as `750`")
    modes: dict[str, str] = Field(
        {},
        description="modes of single files or directories, as path and mode. Such a mode wins over `files` and "
        "`directories`",
    )
    private: list[ReleasePath] = Field(
        [],
        description="files that only the deploy user and the web user may read, for instance cached secrets. The web "
        "user gets this permission by an ACL",
    )
    writable: list[ReleasePath] = Field(
        [],
        description="directories into which the web user may also write, for instance caches. The web user gets this "
        "permission by an ACL. Missing directories are created",
    )

    @field_validator("modes")
    @classmethod
    def _modes(cls, modes: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for path, mode in modes.items():
            if not re.fullmatch(r"[0-7]{3,4}", mode):
                raise ValueError(f"{path}: {mode!r} is not a mode: use three octal digits, such as 640")
            if len(mode) == 4 and mode[0] in "4567" and info.context != RECORDED:
                raise ValueError(
                    f"{path}: the mode {mode} lets every user act as the deploy user: remove the first digit, {mode[0]}"
                )
        return {inside(path): mode for path, mode in modes.items()}

"""The environment file of a release, and where its values come from."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from orchestrator.config.paths import ReleasePath
from orchestrator.config.section import Section

NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


Secret = Annotated[SecretStr, BeforeValidator(lambda value: SecretStr(value) if isinstance(value, str) else value)]
"""A secret, unchanged: spaces around it belong to it."""


class Environment(Section):
    """The environment file of each release. A rollback brings back the old release with its own environment file.

    If a key has several values, `values` wins over `commands`, and `commands` wins over `file`.
    """

    path: ReleasePath = Field(".env", description="path of the environment file in a release")
    owner: str | None = Field(
        None,
        pattern=r"^[a-z_][a-z0-9_-]*$",
        description="owner of the file, who alone may read it (mode 0600); default: the web user",
    )
    file: str | None = Field(None, description="dotenv file on the operator's machine")
    keys: list[str] = Field(
        default_factory=list, description="keys of `file` that are used; if empty, all keys of `file`"
    )
    commands: dict[str, str] = Field(
        default_factory=dict,
        description="for each key a shell command on the operator's machine that prints the value (`op read "
        "op://shop/db/password`)",
    )
    values: dict[str, Secret] = Field(default_factory=dict, exclude=True, description="for each key its value")
    deadline: float = Field(60.0, gt=0, le=3600, description="time limit for each command, in seconds")

    @field_validator("keys", "commands", "values")
    @classmethod
    def _names(cls, names: list[str] | dict[str, str]) -> list[str] | dict[str, str]:
        wrong = [name for name in names if not re.match(NAME, name)]
        if wrong:
            raise ValueError(f"{', '.join(map(repr, wrong))} cannot be the name of a variable")
        return names

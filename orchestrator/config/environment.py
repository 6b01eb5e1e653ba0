"""The settings of the environment file of a release: the file, and the places from which its values come."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from orchestrator.config.form import shown
from orchestrator.config.names import WebUser
from orchestrator.config.paths import OperatorFile, ReleasePath
from orchestrator.config.section import Section

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
"""Regular expression for the name of a variable, as shells accept it."""

Secret = Annotated[SecretStr, BeforeValidator(lambda value: SecretStr(value) if isinstance(value, str) else value)]
"""A secret text. Spaces at the beginning and at the end are kept, because the spaces may belong to the secret."""


class Environment(Section):
    """The environment file of each release. After a rollback, the old release reads its own environment file.

    The environment file holds variables that the application reads, such as passwords. If a variable has several
    values, `values` wins over `commands`, and `commands` wins over `file`.
    """

    lines: ClassVar[frozenset[str]] = frozenset({"values"})

    path: ReleasePath = Field(".env", description="path of the environment file in the release")
    owner: WebUser | None = Field(
        None,
        description="owner of the file after the stage `permit`. From then on, only this user can read the file (mode "
        "0600). Default: the web user",
    )
    file: OperatorFile | None = Field(
        None,
        description="dotenv file on the operator's machine, from which values are read. `${NAME}` is replaced by the "
        "value of the variable NAME (docs/building.md)",
    )
    keys: list[str] = Field(
        [],
        description="variables of `file` that are used; if the list is empty, all variables of `file` are used",
    )
    commands: dict[str, str] = Field(
        {},
        description="variables whose values are printed by commands, as name and shell command (`op read "
        "op://shop/db/password`). The commands run on the operator's machine",
    )
    values: dict[str, Secret] = Field({}, exclude=True, description="variables, as name and value")
    deadline: float = Field(60.0, gt=0, le=3600, description="time limit of each command in `commands`, in seconds")

    @field_validator("keys", "commands", "values")
    @classmethod
    def _names(cls, names: list[str] | dict[str, str]) -> list[str] | dict[str, str]:
        wrong = [name for name in names if not re.fullmatch(NAME, name)]
        if wrong:
            raise ValueError(
                f"{', '.join(map(shown, wrong))} cannot be the name of a variable: use letters, digits and _, without "
                "a digit at the beginning"
            )
        return names

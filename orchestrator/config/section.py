"""The base of every section of the settings."""

from __future__ import annotations

from typing import Any, ClassVar, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from orchestrator.config.form import RECORDED, texts, unprintable


class Section(BaseModel):
    """An immutable section of the settings. An unknown key is an error, because it may be a typo.

    A text must not contain control characters except tabs: no NUL character, no line breaks. The texts go into
    configuration files, commands and messages of one line.
    """

    # Pydantic makes the checks of a section when the section is used for the first time. Most commands use only the
    # checks of `Settings`, which contain the checks of the sections in `Settings`.
    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False, defer_build=True
    )

    lines: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields whose texts may have several lines. These texts must not contain NUL characters either."""

    @field_validator("*", mode="before")
    @classmethod
    def _has_no_control_characters(cls, value: Any, info: ValidationInfo) -> Any:
        several = info.field_name in cls.lines
        # the value may be secret, so the message does not show the value
        annotation = cls.model_fields[str(info.field_name)].annotation
        # an inner section checks its own fields
        is_section = isinstance(value, dict) and get_origin(annotation) is not dict
        for key, text in () if is_section or info.context == RECORDED else texts(value):
            if found := unprintable(text.strip(" \t\n\r\v\f"), several):
                remedy = "write the text in one line" if found == "a line break" else "leave this character out"
                raise ValueError(f"{key and f'{key}: '}the text must not contain {found}: {remedy}")
        return value

"""The base of every section of the settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """An immutable section of the settings. An unknown key is an error, because it may be a typo."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

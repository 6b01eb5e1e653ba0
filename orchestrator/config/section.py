"""The base of every section of the settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and an unknown key is an error: a typo must never be a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

"""Lengths of time in settings: seconds, or a number with a unit."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: object) -> object:
    """Seconds from ``90``, ``"90s"``, ``"2m"`` or ``"1h"``. Raises ValueError for other text.

    A value that is not text is returned unchanged.
    """
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not a length of time: seconds, or a number with ms, s, m or h")
    return float(match[1]) * UNITS[match[2] or "s"]


Duration = Annotated[float, BeforeValidator(seconds)]
"""A length of time in seconds."""

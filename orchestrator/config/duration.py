"""Durations in the settings: a number of seconds, or a text with a unit, such as ``90s``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: object) -> object:
    """Return the seconds of a text such as ``"90"``, ``"90s"``, ``"2m"`` or ``"1h"``.

    If the value is not a text, the function returns the value unchanged. Raises ValueError if the text is not a
    duration.
    """
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", value.strip())
    if match is None:
        raise ValueError(
            f"{value!r} is not a duration: use a number of seconds, or a number with the unit ms, s, m or h"
        )
    return float(match[1]) * UNITS[match[2] or "s"]


Duration = Annotated[float, BeforeValidator(seconds)]
"""A duration in seconds.

The settings may give a duration as a number of seconds or as a text with a unit, such as ``90s``.
"""

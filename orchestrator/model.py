"""The words of the field as types: color, release, weights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Color(StrEnum):
    """One of the two complete copies of the application on each node."""

    blue = "blue"
    green = "green"

    @property
    def other(self) -> Color:
        return Color.green if self is Color.blue else Color.blue


@dataclass(frozen=True)
class Weights:
    """Share of the traffic that green gets, in whole per cent (0 to 100); blue gets the rest."""

    green: int

    def __post_init__(self) -> None:
        if not 0 <= self.green <= 100:
            raise ValueError(f"a weight is 0 to 100 per cent, not {self.green}")

    @property
    def live(self) -> Color | None:
        """The color with all the traffic, None while it is split."""
        return {0: Color.blue, 100: Color.green}.get(self.green)

    @classmethod
    def all_to(cls, color: Color) -> Weights:
        return cls(100 if color is Color.green else 0)

    @classmethod
    def of(cls, color: Color, share: int) -> Weights:
        """A share for one color, in whole per cent; the other gets the rest."""
        return cls(share if color is Color.green else 100 - share)

    def share(self, color: Color) -> int:
        return self.green if color is Color.green else 100 - self.green


def release_id(now: datetime, revision: str) -> str:
    """One id for the whole fleet: UTC time to the second, then the short revision.

    + now: an aware time in UTC
    + revision: the full commit hash, lower-case hexadecimal
    """
    return f"{now:%Y%m%dT%H%M%SZ}-{revision[:7]}"

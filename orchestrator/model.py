"""Define the basic types ``Color`` and ``Weights``, and make the ids of releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Color(StrEnum):
    """Each node has two complete copies of the application. A color, blue or green, is one of these copies."""

    blue = "blue"
    green = "green"

    @property
    def other(self) -> Color:
        """Return the other color: green for blue, blue for green."""
        return Color.green if self is Color.blue else Color.blue


@dataclass(frozen=True)
class Weights:
    """The distribution of the traffic. ``green`` is green's share in whole per cent (0 to 100); blue gets the rest.

    Raises ValueError if the share is less than 0 or more than 100.
    """

    green: int

    def __post_init__(self) -> None:
        if not 0 <= self.green <= 100:
            raise ValueError(f"a weight is 0 to 100 per cent, not {self.green}")

    @property
    def live(self) -> Color | None:
        """Return the color that gets all the traffic; None while the traffic is split."""
        return {0: Color.blue, 100: Color.green}.get(self.green)

    @classmethod
    def all_to(cls, color: Color) -> Weights:
        """Return the weights that give all the traffic to one color."""
        return cls(100 if color is Color.green else 0)

    @classmethod
    def of(cls, color: Color, share: int) -> Weights:
        """Return the weights that give ``share`` to one color, in whole per cent. The other color gets the rest."""
        return cls(share if color is Color.green else 100 - share)

    def share(self, color: Color) -> int:
        """Return a color's share of the traffic, in whole per cent."""
        return self.green if color is Color.green else 100 - self.green


def release_id(now: datetime, revision: str) -> str:
    """Return the id of a new release, such as ``20261128T160334Z-3f9a1c7``. All nodes use the same id.

    The id is the time to the second, followed by the first 7 digits of the revision.

    + now: the present time in UTC, with its time zone
    + revision: the full hash of the version (for git, of the commit), lower-case hexadecimal
    """
    return f"{now:%Y%m%dT%H%M%SZ}-{revision[:7]}"

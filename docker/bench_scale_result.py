"""Calculate the results of `make bench-scale`: the cost of each further node, and whether the cost is linear. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

COMMANDS = ("release", "rollback", "status")

LINEAR = 1.25
"""If a further node costs at most this factor more or less than a further node of a smaller fleet, growth is linear."""


@dataclass(frozen=True)
class Used:
    """The resources that a command has used.

    + cpu: CPU time of the operator's process in seconds, without that of the fake servers
    + fake: CPU time of the fake servers in the operator's process, in seconds
    + seconds: duration of the command
    """

    cpu: float
    fake: float
    seconds: float


@dataclass(frozen=True)
class Size:
    """The measurements of a fleet.

    + nodes: number of nodes
    + commands: name of a command -> what the command has used
    + memory: largest memory of the operator's process, in bytes
    + journal: size of the journal of the release, in bytes
    + records: number of records in the journal of the release
    """

    nodes: int
    commands: Mapping[str, Used]
    memory: int
    journal: int
    records: int

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Size:
        """Make the measurements of a fleet from a dict of the same form."""
        return cls(**{**said, "commands": {name: Used(**used) for name, used in said["commands"].items()}})


@dataclass(frozen=True)
class Result:
    """A run of `make bench-scale`.

    + day: day of the run, such as ``2026-01-31``
    + cores: number of cores of the machine
    + load: load average of the machine in the minute before the run
    + versions: name of a program -> its version
    + sizes: the measurements of each fleet, smallest fleet first
    """

    day: str
    cores: int
    load: float
    versions: Mapping[str, str]
    sizes: Sequence[Size]

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict for ``json.dumps``."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Result:
        """Make a result from a dict that `to_json` returned."""
        return cls(**{**said, "sizes": [Size.from_json(one) for one in said["sizes"]]})


@dataclass(frozen=True)
class Measure:
    """A value of a fleet.

    + name: name of the value on the page
    + unit: unit of the value of a further node
    + scale: number of these units in the unit of ``read``
    + read: returns the value of a fleet: seconds or bytes
    """

    name: str
    unit: str
    scale: float
    read: Callable[[Size], float]


MEASURES = (
    *(
        Measure(f"CPU time of {name}", "ms", 1e3, lambda size, name=name: size.commands[name].cpu)  # type: ignore[misc]
        for name in COMMANDS
    ),
    Measure("memory", "KB", 1e-3, lambda size: size.memory),
    Measure("journal of a release", "bytes", 1, lambda size: size.journal),
)


@dataclass(frozen=True)
class Growth:
    """How a value grows with the number of nodes.

    + each: the part of the value that each further node adds, between the two largest fleets
    + former: the same between the second and the third largest fleet
    """

    each: float
    former: float

    @property
    def ratio(self) -> float | None:
        """How many times ``each`` is as large as ``former``; None if the value of the smaller fleets does not grow."""
        return self.each / self.former if self.former > 0 else None

    @property
    def words(self) -> str:
        """Whether the growth is linear, in words."""
        if self.ratio is None:
            return "unknown, because the smaller fleets show no growth"
        if self.ratio > LINEAR:
            return "more than linear"
        return "linear" if self.ratio >= 1 / LINEAR else "less than linear"


def growth(points: Sequence[tuple[int, float]]) -> Growth:
    """Return how a value grows with the number of nodes.

    + points: numbers of nodes and values, for at least three fleets with different numbers of nodes

    Raises ValueError if there are fewer fleets.
    """
    if len(points) < 3:
        raise ValueError("growth needs three fleets")
    third, second, largest = sorted(points)[-3:]
    return Growth(_slope(second, largest), _slope(third, second))


def _slope(begin: tuple[int, float], end: tuple[int, float]) -> float:
    return (end[1] - begin[1]) / (end[0] - begin[0])


def points(result: Result, measure: Measure) -> list[tuple[int, float]]:
    """Return the numbers of nodes and the values of a measure."""
    return [(size.nodes, measure.read(size)) for size in result.sizes]

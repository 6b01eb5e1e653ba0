"""What became of a swap that a node was armed for, and whether all nodes agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.model import Color
from orchestrator.scripts.command import pairs, script

Outcome = Literal["fired", "already", "late", "disarmed", "fenced", "locked", "failed", "waiting", "nothing"]

SCRIPT = r"""
echo "wanted=$2"
cat "$1/guard/fired" 2>/dev/null || true
"""

MEANING: Mapping[str, str] = {
    "late": "missed the instant, because it was frozen or overloaded, and did not swap",
    "disarmed": "was disarmed before the instant",
    "fenced": "did not swap: a newer run has been there",
    "locked": "did not swap: another command held the guard's lock",
    "failed": "could not swap",
    "waiting": "does not say what became of the swap: its process is late or gone",
    "nothing": "was not armed",
}


@dataclass(frozen=True)
class Swap:
    """What a node recorded of a swap.

    + color: the color it was armed for, None if it was not
    + at: the instant it was armed for
    + instant: when the outcome was decided, by the node's own clock; 0 while there is none
    + why: what the system said, if it failed
    """

    outcome: Outcome
    color: Color | None = None
    at: float = 0.0
    instant: float = 0.0
    why: str = ""


NOTHING = Swap("nothing")


def parse(output: list[str]) -> Swap:
    """The record, ``NOTHING`` if it is another run's. Raises KeyError, ValueError if it is not a record."""
    said = pairs(output)
    if said.get("run") is None or said["run"] != said["wanted"]:
        return NOTHING
    if said["outcome"] not in get_args(Outcome):
        raise ValueError(f"there is no outcome {said['outcome']}")
    return Swap(
        said["outcome"],  # type: ignore[arg-type]
        Color(said["color"]),
        float(said["at"]),
        float(said["instant"]),
        said.get("why", ""),
    )


def judge(records: Mapping[str, Swap | None], color: Color) -> str | None:
    """None if every node's link names the color now, else one line that says which do not and why.

    + records: by node; None for one that did not answer
    """
    problems = [f"{name} {problem}" for name, record in records.items() if (problem := _problem(record, color))]
    return "; ".join(problems) or None


def _problem(record: Swap | None, color: Color) -> str | None:
    if record is None:
        return "does not say whether it swapped"
    if record.outcome == "nothing":
        return MEANING["nothing"]
    if record.color is not color:
        return f"was armed for {record.color}, not for {color}"
    if record.outcome in ("fired", "already"):
        return None
    return MEANING[record.outcome] + (f" ({record.why})" if record.why else "")


def spread(records: Mapping[str, Swap | None]) -> float | None:
    """Milliseconds from the first node that swapped to the last, each by its own clock; None if none did."""
    instants = [record.instant for record in records.values() if record is not None and record.outcome == "fired"]
    return (max(instants) - min(instants)) * 1000 if instants else None


class Fired(FactBase[Swap]):
    """
    Returns what became of the swap that a run armed a node for, None if the node did not say.

    + root: directory of the application
    + run: number of the run
    """

    @override
    def command(self, root: str, run: int) -> StringCommand:
        return script(SCRIPT, root, str(run))

    @override
    def process(self, output: list[str]) -> Swap:
        return parse(output)

    @staticmethod
    @override
    def default() -> Any:
        return None

"""Read whether the nodes changed their ``live`` links at the agreed instant, and judge whether all of them did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.model import Color
from orchestrator.scripts.command import pairs, script
from orchestrator.scripts.files import read

Outcome = Literal["fired", "already", "late", "disarmed", "fenced", "locked", "failed", "waiting", "nothing"]

SCRIPT = read("facts/fired.sh")

MEANING: Mapping[str, str] = {
    "late": "missed the instant, because it was frozen or overloaded, and did not change its live link",
    "disarmed": "was disarmed before the instant",
    "fenced": "did not change its live link: a newer run has begun",
    "locked": "did not change its live link: another command held the guard's lock",
    "failed": "could not change its live link",
    "waiting": "has no result yet: the process that changes its live link is late or has died",
    "nothing": "was not armed",
}


@dataclass(frozen=True)
class Swap:
    """A node's record of whether it changed its ``live`` link at the agreed instant, as it was armed to do.

    + outcome: ``fired`` if the link was changed, ``already`` if it named the color before, ``waiting`` if no result is
      recorded yet, ``nothing`` if this run did not arm the node, otherwise why the link was not changed
    + color: the color that the link should name; None if the node was not armed
    + at: the agreed instant, in epoch seconds
    + instant: time of the outcome by the node's own clock, in epoch seconds; 0 if there is no outcome yet
    + why: error message of the operating system if it refused the change, otherwise empty
    """

    outcome: Outcome
    color: Color | None = None
    at: float = 0.0
    instant: float = 0.0
    why: str = ""


NOTHING = Swap("nothing")


def parse(output: list[str]) -> Swap:
    """Return the record that the script printed; ``NOTHING`` if the record is missing or belongs to another run.

    Raises KeyError or ValueError if the output is not a record.
    """
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
    """Return one line that names each node whose ``live`` link was not changed to this color, and why, else None.

    A link that already named the color counts as changed. A node that did not answer counts as not changed.

    + records: node -> its record; None for a node that did not answer
    """
    problems = [f"{name} {problem}" for name, record in records.items() if (problem := _problem(record, color))]
    return "; ".join(problems) or None


def _problem(record: Swap | None, color: Color) -> str | None:
    if record is None:
        return "does not say whether its live link was changed"
    if record.outcome == "nothing":
        return MEANING["nothing"]
    if record.color is not color:
        return f"was armed for {record.color}, not for {color}"
    if record.outcome in ("fired", "already"):
        return None
    return MEANING[record.outcome] + (f" ({record.why})" if record.why else "")


def spread(records: Mapping[str, Swap | None]) -> float | None:
    """Return the milliseconds from the first change of a ``live`` link to the last change; None if no link was changed.

    The time of each change is measured by the clock of its node.
    """
    instants = [record.instant for record in records.values() if record is not None and record.outcome == "fired"]
    return (max(instants) - min(instants)) * 1000 if instants else None


class Fired(FactBase[Swap]):
    """
    Returns an armed node's record, which says whether its ``live`` link was changed at the agreed instant; else None.

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

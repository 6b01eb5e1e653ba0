"""Read from armed nodes whether they changed their ``live`` links at the agreed instant, and judge the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.model import Color
from orchestrator.scripts.command import pairs, question
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
    """The record of an armed node: whether the node changed its ``live`` link at the agreed instant.

    + outcome: ``fired`` if the node changed the link, ``already`` if the link already named the color, ``waiting`` if
      no result is recorded yet, ``nothing`` if the run did not arm the node. The other values say why the node did not
      change the link; the mapping MEANING explains them
    + color: the color that the link should name; None if the run did not arm the node
    + at: the agreed instant, in epoch seconds
    + instant: time of the outcome by the node's own clock, in epoch seconds; 0 if there is no outcome yet
    + why: error message of the operating system, if it refused to change the link; otherwise empty
    """

    outcome: Outcome
    color: Color | None = None
    at: float = 0.0
    instant: float = 0.0
    why: str = ""


NOTHING = Swap("nothing")


def parse(output: list[str]) -> Swap:
    """Return the record that the script ``fired.sh`` printed.

    Return ``NOTHING`` if the node has no record, or if the record belongs to another run. Raises KeyError or ValueError
    if the output is not a record.

    + output: the lines that the script printed
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
    """Return one line that names each node whose ``live`` link was not changed to the color, and the reason.

    Return None if all links were changed. If a link named the color already, the link counts as changed. If a node did
    not answer, its link counts as not changed.

    + records: node -> the node's record; None for a node that did not answer
    + color: color that the links should name
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
    """Return the milliseconds between the earliest and the latest change of a ``live`` link.

    Return None if no link was changed. The time of each change is taken from the clock of the node.

    + records: node -> the node's record; None for a node that did not answer
    """
    instants = [record.instant for record in records.values() if record is not None and record.outcome == "fired"]
    return (max(instants) - min(instants)) * 1000 if instants else None


class Fired(Fact[Swap]):
    """
    Returns the record of a node that was armed: whether the node changed its ``live`` link at the agreed instant.

    Returns ``NOTHING`` if the run did not arm the node, and None if the node did not answer.

    + root: directory of the application
    + run: number of the run that armed the node
    """

    @override
    def command(self, root: str, run: int) -> StringCommand:
        return question(SCRIPT, root, str(run))

    @override
    def parse(self, output: list[str]) -> Swap:
        return parse(output)

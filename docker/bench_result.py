"""Calculate the results of `make bench`: what each command of a tool did, the medians and the ratios. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.probe.sample import Sample

OURS = "ours"
TOOLS = {
    OURS: "this tool",
    "capistrano": "Capistrano",
    "capistrano-reload": "Capistrano, FPM reload",
    "capistrano-restart": "Capistrano, FPM restart",
    "fabric": "Fabric script",
    "pyinfra": "pyinfra script",
}
"""Name of a tool in the results -> name on the page."""
MOVES = ("release", "rollback")
"""The actions that move the traffic."""


@dataclass(frozen=True)
class Command:
    """A command that has ended.

    + began: when the command began, in seconds since the epoch
    + seconds: duration of the command
    + cpu: CPU time of the command on the operator's machine, in seconds, with all processes that it started
    """

    began: float
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Action:
    """The duration of a command, and the answers that the probe got during the command.

    + seconds: duration of the whole command
    + cpu: CPU time of the command on the operator's machine, in seconds
    + first: seconds from the beginning of the command until the first answer of the other release; None if none came
    + requests: number of requests that were sent from the beginning of the command until the next command
    + failures: kind of failure -> number of these requests that failed
    """

    seconds: float
    cpu: float
    first: float | None
    requests: int
    failures: Mapping[str, int]

    @property
    def failed(self) -> int:
        """Number of requests that failed."""
        return sum(self.failures.values())


@dataclass(frozen=True)
class Result:
    """A run of `make bench`.

    + nodes: number of nodes
    + day: day of the run, such as ``2026-01-31``
    + cores: number of cores of the machine
    + load: load average of the machine in the minute before the first round
    + rate: number of requests a second
    + versions: name of a program -> its version
    + tools: name of a tool -> name of an action -> what the action did in each round
    """

    nodes: int
    day: str
    cores: int
    load: float
    rate: float
    versions: Mapping[str, str]
    tools: Mapping[str, Mapping[str, Sequence[Action]]]

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return len(self.tools[OURS]["release"])

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict for ``json.dumps``."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Result:
        """Make a result from a dict that `to_json` returned."""
        tools = {
            tool: {name: [Action(**one) for one in rounds] for name, rounds in actions.items()}
            for tool, actions in said["tools"].items()
        }
        return cls(**{**said, "tools": tools})


Measure = Callable[[Action], float | None]
MEASURES: dict[str, tuple[str, Measure]] = {
    "release, whole command": ("release", lambda one: one.seconds),
    "rollback, whole command": ("rollback", lambda one: one.seconds),
    "release, first new answer": ("release", lambda one: one.first),
    "rollback, first new answer": ("rollback", lambda one: one.first),
}
"""Name of a measure in seconds -> the action, and the function that reads the measure."""


def actions(commands: Mapping[str, Command], asked: Sequence[Sample]) -> dict[str, Action]:
    """Return name of an action -> what the action did.

    + commands: name of an action -> its command, in the order in which the commands ran
    + asked: the requests of the probe, which ran from before the first command until after the last command
    """
    _, *begins = [one.began for one in commands.values()]
    ends = [*begins, float("inf")]
    return {name: _action(command, end, asked) for (name, command), end in zip(commands.items(), ends, strict=True)}


def _action(command: Command, end: float, asked: Sequence[Sample]) -> Action:
    inside = [one for one in asked if command.began <= one.sent < end]
    failures = Counter(str(one.failure) for one in inside if one.failure)
    first = first_new([one for one in asked if one.sent < end], command.began)
    rounded = None if first is None else round(first, 3)
    return Action(round(command.seconds, 3), round(command.cpu, 3), rounded, len(inside), dict(failures))


def first_new(asked: Sequence[Sample], began: float) -> float | None:
    """Return the seconds from a moment until the first answer of another release than before; None without an answer.

    + asked: requests; answers without a release, such as error pages, are ignored
    + began: the moment, in seconds since the epoch
    """
    good = [one for one in asked if one.release and one.failure is None and one.first_byte is not None]
    former = [one for one in good if one.ended < began]
    if not former:
        return None
    before = max(former, key=lambda one: one.sent).release
    after = [one.first_byte for one in good if one.release != before and one.first_byte and one.first_byte >= began]
    return min(after) - began if after else None


def values(result: Result, tool: str, measure: str) -> list[float]:
    """Return the value of a measure in each round; none if the tool was not measured.

    + measure: a key of `MEASURES`
    """
    action, read = MEASURES[measure]
    return [value for one in result.tools.get(tool, {}).get(action, ()) if (value := read(one)) is not None]


def ratios(result: Result, tool: str, measure: str) -> list[float]:
    """Return, for each round, the value of this tool divided by the value of another tool."""
    pairs = zip(values(result, OURS, measure), values(result, tool, measure), strict=True)
    return [ours / theirs for ours, theirs in pairs]


def median(found: Sequence[float]) -> float:
    """Return the median; 0 of no values."""
    return statistics.median(found) if found else 0.0


def cpu(result: Result, tool: str, action: str) -> float:
    """Return the median of the CPU time of an action on the operator's machine, in seconds."""
    return median([one.cpu for one in result.tools[tool][action]])


def failed(result: Result, tool: str) -> tuple[int, int]:
    """Return the number of failed requests and of all requests during the releases and rollbacks of a tool."""
    moves = [one for action in MOVES for one in result.tools[tool][action]]
    return sum(one.failed for one in moves), sum(one.requests for one in moves)


def table(result: Result) -> list[str]:
    """Return the lines of the table for the terminal: the medians, the failed requests and the ratios."""
    heads = ["release", "rollback", "first new", "first back"]
    lines = [f"{'':<24}" + "".join(f"{head:>11}" for head in heads) + f"{'CPU':>8}{'failed':>16}"]
    for tool in result.tools:
        medians = "".join(f"{median(values(result, tool, measure)):>11.2f}" for measure in MEASURES)
        lost, every = failed(result, tool)
        lines.append(f"{TOOLS[tool]:<24}{medians}{cpu(result, tool, 'release'):>8.2f}{f'{lost} of {every:,}':>16}")
    lines.append(f"seconds, medians of {result.rounds} rounds; below: this tool divided by the other tool")
    for tool in (tool for tool in result.tools if tool != OURS):
        lines.append(
            f"{TOOLS[tool]:<24}" + "".join(f"{median(ratios(result, tool, measure)):>11.2f}" for measure in MEASURES)
        )
    return lines

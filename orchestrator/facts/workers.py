"""Read which workers run on a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.model import Color
from orchestrator.scripts.command import pairs, question
from orchestrator.scripts.files import read

SCRIPT = read("facts/workers.sh")

SCHEDULE = "schedule"
"""The word that a schedule has in place of a color, because a schedule belongs to no color."""


WorkerKey = tuple[Color, str, int]
"""The color, the name and the number of a process."""


@dataclass(frozen=True)
class WorkerProcess:
    """One process of a worker, as systemd knows it.

    + color: the color that has the process
    + name: name of the worker
    + number: number of the process, from 1
    + state: systemd's state of the process's unit, such as ``active`` or ``deactivating``
    + sub: systemd's more exact state, such as ``running`` or ``auto-restart``
    + pid: id of the process; 0 if there is no process
    + restarts: how often systemd has started the process again, because it had ended
    + told: seconds since the process was told to end; 0 if it was not told
    + result: systemd's word for how the process ended last, such as ``success``, ``exit-code`` or ``timeout``
    + release: id of the release that the process runs; empty if unknown
    """

    color: Color
    name: str
    number: int
    state: str
    sub: str
    pid: int
    restarts: int
    told: int
    result: str
    release: str

    @property
    def key(self) -> WorkerKey:
        """The color, the name and the number of the process."""
        return self.color, self.name, self.number

    @property
    def label(self) -> str:
        """The process in a message, such as ``queue 2 of green``."""
        return f"{self.name} {self.number} of {self.color}"

    @property
    def runs(self) -> bool:
        """Whether the process takes jobs."""
        return self.state in ("active", "reloading", "refreshing")

    @property
    def ended(self) -> bool:
        """Whether there is no process, and systemd will not start one."""
        return self.state in ("inactive", "failed")


@dataclass(frozen=True)
class WorkerState:
    """The workers of both colors of a node.

    + processes: the processes that systemd knows
    + expected: color and name of a worker -> number of processes that this worker has in the color's release
    + said: process (color, name and number, separated by ``/``) -> the last line that the process wrote; only for
      processes that have failed or that systemd has started again
    """

    processes: tuple[WorkerProcess, ...] = ()
    expected: Mapping[tuple[Color, str], int] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)

    def of(self, *colors: Color) -> tuple[WorkerProcess, ...]:
        """Return the processes of colors."""
        return tuple(process for process in self.processes if process.color in colors)


NO_WORKERS = WorkerState()
"""The workers of a node that has no workers."""


def parse(said: Mapping[str, str]) -> WorkerState:
    """Return the workers of a node. Raises ValueError or KeyError if the lines are not what the script prints.

    + said: the ``key=value`` lines that the script printed
    """
    processes, expected = [], {}
    for word in said["workers"].split():
        color, name, number, state, sub, pid, restarts, told, result, release = word.split("/")
        if color == SCHEDULE:
            continue
        counts = (int(pid), int(restarts or 0), int(told))
        # systemd forgets the result of a process when it starts the process again
        result = said.get(f"ended.{color}/{name}/{number}") or result
        processes.append(WorkerProcess(Color(color), name, int(number), state, sub, *counts, result, release))
    for word in said["expected"].split():
        color, name, count = word.split("/")
        expected[Color(color), name] = int(count)
    lines = {key.removeprefix("said."): line for key, line in said.items() if key.startswith("said.")}
    return WorkerState(tuple(processes), expected, lines)


class Workers(Fact[WorkerState]):
    """
    Returns the workers of both colors of a node.

    + root: directory of the application
    + app: name of the deployment (``Settings.name``)
    + program: path of the program ``workers``, which provisioning installed. Sudo runs the program as root
    + color: the fact returns the last line of each process of this color that failed or that systemd started again;
      empty to return no lines
    + user: deploy user, who can change the directory of the application
    """

    @override
    def command(self, root: str, app: str, program: str, user: str, color: str = "") -> StringCommand:
        return question(SCRIPT, root, app, program, color, user=user)

    @override
    def parse(self, output: list[str]) -> WorkerState:
        return parse(pairs(output))

"""Read which schedules a node runs, and which of their commands run now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.facts.workers import SCHEDULE
from orchestrator.scripts.command import pairs, question
from orchestrator.scripts.files import read

SCRIPT = read("facts/schedule.sh")

Runs = Literal["one", "each", "none"]
"""Which schedules a node runs.

``one``: all schedules. ``each``: only those that each node runs. ``none``: no schedule.
"""

WORDS: Mapping[str, Runs] = {"one": "one", "each": "each", "none": "none"}


@dataclass(frozen=True)
class Job:
    """The command of a schedule, as systemd knows it.

    + name: name of the schedule
    + state: systemd's state of the command's unit: ``activating`` while the command runs
    + pid: id of the command's process; 0 if the command does not run
    + seconds: seconds since the command began; 0 if the command does not run
    + result: systemd's word for how the command ended last, such as ``success``, ``exit-code`` or ``timeout``
    + release: id of the release that the command runs; empty if unknown
    """

    name: str
    state: str
    pid: int
    seconds: int
    result: str
    release: str

    @property
    def runs(self) -> bool:
        """Whether the command runs now."""
        return self.state in ("activating", "active", "deactivating")


@dataclass(frozen=True)
class ScheduleState:
    """The schedules of a node.

    + runs: which schedules the node runs; None if no run has said this yet. Then the node runs only the schedules with
      ``"on": "each"``
    + number: number of the run that said this
    + holder: name of the node that runs the single-node schedules, as that run knew; empty if unknown
    + jobs: the commands of the schedules
    """

    runs: Runs | None = None
    number: int = 0
    holder: str = ""
    jobs: tuple[Job, ...] = ()


NO_SCHEDULE = ScheduleState()
"""The schedules of a node that has no schedules."""


def parse(said: Mapping[str, str]) -> ScheduleState:
    """Return the schedules of a node. Raises ValueError or KeyError if the lines are not what the script prints.

    + said: the ``key=value`` lines that the script printed
    """
    jobs = []
    for word in said["workers"].split():
        color, name, _, state, _, pid, _, seconds, result, release = word.split("/")
        if color == SCHEDULE:
            jobs.append(Job(name, state, int(pid), int(seconds), result, release))
    runs, number, holder = (*said["schedule"].split(), "", "", "")[:3]
    if runs not in WORDS or not number.isdecimal():
        # treat a damaged file like a missing file: a later run writes the file anew
        return ScheduleState(jobs=tuple(jobs))
    return ScheduleState(WORDS[runs], int(number), holder, tuple(jobs))


class Schedules(Fact[ScheduleState]):
    """
    Returns the schedules of a node.

    + root: directory of the application
    + app: name of the deployment (``Settings.name``)
    + user: deploy user, who can change the directory of the application
    """

    @override
    def command(self, root: str, app: str, user: str) -> StringCommand:
        return question(SCRIPT, root, app, user=user)

    @override
    def parse(self, output: list[str]) -> ScheduleState:
        return parse(pairs(output))

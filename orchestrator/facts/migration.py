"""Read whether a command that changes the schema still runs, or how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import number, pairs, question
from orchestrator.scripts.files import read

SCRIPT = read("facts/migration.sh")


class State(StrEnum):
    """The state of a command that changes the schema.

    + ABSENT: the command was not started on this node
    + RUNNING: the command runs
    + ENDED: the command has ended
    + UNKNOWN: the command was started and no longer runs, but did not record its end, for example because of a power
      failure
    """

    ABSENT = "absent"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class MigrationState:
    """The state of a command that changes the schema, and its exit status.

    + code: exit status of the command; 0 if the command has not ended
    + output: the last lines that the command printed, at most 20
    """

    state: State
    code: int
    output: tuple[str, ...]


class Migration(Fact[MigrationState]):
    """
    Returns the state of a command that changes the schema, with the last lines of its output.

    + root: directory of the application
    + key: name of the command in its run
    + user: deploy user, who can change the directory of the application
    """

    @override
    def command(self, root: str, key: str, user: str) -> StringCommand:
        return question(SCRIPT, root, key, user=user)

    @override
    def parse(self, output: list[str]) -> MigrationState:
        said = pairs(output)
        lines = tuple(line.removeprefix("line=") for line in output if line.startswith("line="))
        return MigrationState(State(said["state"]), number(said, "code"), lines)

"""Read which processes of a node belong to a release other than the live release."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.errors import Unclear
from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SCRIPT = read("facts/older.sh")


@dataclass(frozen=True)
class OlderProcess:
    """A process that belongs to a release other than the live release.

    + release: id of the release, or ``an older release`` if the id is unknown
    + command: the beginning of the command line
    """

    pid: int
    user: str
    release: str
    command: str

    @override
    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} belongs to {self.release}: {self.command}"


class Older(Fact[list[OlderProcess]]):
    """
    Returns the processes of a node that belong to a release other than the live release.

    + root: directory of the application
    + live: id of the live release
    + used: path of the program ``used``, which provisioning installed. Sudo runs the program as root
    + user: deploy user, who can change the directory of the application
    """

    @override
    def command(self, root: str, live: str, used: str, user: str) -> StringCommand:
        return question(SCRIPT, root, live, used, user=user)

    @override
    def parse(self, output: list[str]) -> list[OlderProcess]:
        if "looked" not in output:
            raise Unclear(" ".join(output))
        found = [line.split("\t", 3) for line in output if line.count("\t") >= 3]
        return [OlderProcess(int(pid), user, release, command) for pid, user, release, command in found]

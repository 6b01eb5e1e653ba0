"""List the commits between the live release and the release of a run."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SCRIPT = read("facts/commits.sh")

MOST = 5
"""The largest number of commits whose first lines are listed."""

DEPTH = 200
"""The largest number of commits of each release that are fetched to find the difference."""


@dataclass(frozen=True)
class Changes:
    """The commits by which two releases differ.

    + added: number of commits that only the new release has
    + removed: number of commits that only the old release has
    + lines: short hash and first line of the newest commits that only the new release has. If there are no such
      commits, the lines are about the newest commits that only the old release has
    """

    added: int
    removed: int
    lines: tuple[str, ...]


class Commits(Fact[Changes | None]):
    """
    Lists the commits by which two releases differ.

    The fact is None if the origin is too slow, or if the releases have no common commit among their last DEPTH commits.
    Afterwards the node keeps nothing that it fetched for the answer.

    + root: directory of the application
    + origin: URL of the git repository
    + old: commit of the old release. If a release on the node has the commit, the first 7 digits are enough
    + new: commit of the new release, likewise
    + login: True if the caller passes the user and the password for the origin in pyinfra's argument ``_stdin``, each
      on its own line
    + ssh: program that git runs instead of ``ssh`` to reach the origin; empty for git's default
    """

    @override
    def command(self, root: str, origin: str, old: str, new: str, login: bool = False, ssh: str = "") -> StringCommand:
        numbers = (str(DEPTH), str(MOST))
        return question(SCRIPT, root, origin, old, new, "login" if login else "", ssh, *numbers, seconds=10)

    @override
    def parse(self, output: list[str]) -> Changes | None:
        if not output:
            return None
        removed, added = map(int, output[0].split())
        return Changes(added, removed, tuple(output[1 : 1 + MOST]))

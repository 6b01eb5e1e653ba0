"""Find out which submodules a git commit has, and whether it has files in Git LFS."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SCRIPT = read("facts/contents.sh")


@dataclass(frozen=True)
class Found:
    """The contents of a commit that a release gets only with a setting.

    + submodules: the paths of the commit's submodules
    + lfs: whether the file ``.gitattributes`` at the top of the commit says that files are in Git LFS
    """

    submodules: tuple[str, ...] = ()
    lfs: bool = False


def found_in(output: list[str]) -> Found:
    """Return the contents of a commit from the lines that the shell function ``contents`` printed."""
    paths = [line.removeprefix("submodule\t") for line in output if line.startswith("submodule\t")]
    return Found(tuple(paths), "lfs" in output)


class Contents(Fact[Found]):
    """
    Returns which submodules a commit of the origin has, and whether it has files in Git LFS.

    If the origin does not answer in time, the fact returns an empty `Found`. Afterwards the node keeps none of the
    files that it fetched for the answer.

    + root: directory of the application
    + origin: URL of the git repository
    + revision: full commit hash
    + login: True if the caller passes the user and the password for the origin in pyinfra's argument ``_stdin``, each
      on its own line
    + ssh: program that git runs instead of ``ssh`` to reach the origin; empty for git's default
    """

    @override
    def command(self, root: str, origin: str, revision: str, login: bool = False, ssh: str = "") -> StringCommand:
        return question(SCRIPT, root, origin, revision, "login" if login else "", ssh, seconds=20)

    @override
    def parse(self, output: list[str]) -> Found:
        return found_in(output)

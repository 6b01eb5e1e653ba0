"""Find the commit that a ref (branch, tag or commit) names at the origin, the git repository of the settings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.errors import Refused, UsageError
from orchestrator.scripts.command import script
from orchestrator.scripts.files import read

SCRIPT = read("facts/revision.sh")

REF = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._/@+-]*$")
COMMIT = re.compile(r"^[0-9a-f]{40}$")
ABBREVIATED = re.compile(r"^[0-9a-f]{7,39}$")


def check_ref(ref: object) -> str:
    """Return the ref if it is safe to pass to git. Otherwise raise UsageError, which says what is wrong."""
    if not isinstance(ref, str):
        raise UsageError(
            f"ref was read as {type(ref).__name__} {ref!r}, which may not be what you typed: "
            f"quote it, --data 'ref=\"...\"'"
        )
    if not REF.match(ref) or ".." in ref or ref.endswith((".lock", "/", ".")):
        raise UsageError(f"{ref!r} is not a valid name of a branch, tag or commit in git")
    return ref


@dataclass(frozen=True)
class Named:
    """What the origin, and the copy of the repository on a node (the mirror), know about a ref.

    + references: name of a git reference at the origin -> commit; ``mirror`` -> commit that the ref names in the
      mirror; ``error`` -> why the origin did not answer
    """

    references: dict[str, str]


def resolve(ref: str, named: Named) -> str:
    """Return the full commit hash that a ref names.

    A ref of 40 hexadecimal digits that names no branch and no tag is returned unchanged, even if there is no such
    commit. A ref of 7 to 39 digits must name a commit in the mirror.

    Raises UsageError if the ref names no commit, or if it is a tag and a branch of different commits. Raises Refused if
    the origin did not answer.
    """
    if error := named.references.get("error"):
        raise Refused(f"the origin does not answer: {error}")
    tag = named.references.get(f"refs/tags/{ref}^{{}}") or named.references.get(f"refs/tags/{ref}")
    branch = named.references.get(f"refs/heads/{ref}")
    if tag and branch and tag != branch:
        raise UsageError(f"ref {ref} is both a tag ({tag[:7]}) and a branch ({branch[:7]}): name the commit")
    if found := tag or branch:
        return found
    if COMMIT.match(ref):
        return ref
    mirrored = named.references.get("mirror", "")
    if ABBREVIATED.match(ref) and mirrored.startswith(ref):
        return mirrored
    raise UsageError(f"the origin has no branch or tag {ref} (a commit is named by all its 40 digits)")


class Revision(FactBase[Named]):
    """
    Returns what the origin of a git repository and the node's copy of it know about a ref.

    + root: directory of the application
    + origin: URL of the git repository
    + ref: branch, tag or commit
    + login: whether the caller passes user and password for the origin in pyinfra's argument ``_stdin``, each on its
      own line
    + ssh: program by which git reaches the origin; empty for git's default
    """

    @override
    def command(self, root: str, origin: str, ref: str, login: bool = False, ssh: str = "") -> StringCommand:
        return script(SCRIPT, root, origin, ref, "login" if login else "", ssh, seconds=20)

    @override
    def process(self, output: list[str]) -> Named:
        split = (line.split("\t", 1) for line in output if "\t" in line)
        return Named({name.strip(): commit.strip() for commit, name in split})

    @staticmethod
    @override
    def default() -> Named:
        return Named({})

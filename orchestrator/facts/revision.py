"""Find the git commit that a ref (branch, tag or commit) names at the origin.

The origin is the git repository in the settings. The mirror is the clone of this repository on a node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.config.ref import fault
from orchestrator.errors import Refused, UsageError
from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SCRIPT = read("facts/revision.sh")

COMMIT = re.compile(r"^[0-9a-f]{40}$")
ABBREVIATED = re.compile(r"^[0-9a-f]{7,39}$")


def check_ref(ref: object) -> str:
    """Return the ref if git permits this name for a branch or tag (``config/ref.py``). Raises UsageError otherwise.

    + ref: value of ``--data ref=``. If pyinfra has parsed the value as a number, the value is invalid
    """
    if not isinstance(ref, str):
        raise UsageError(
            f"--data ref: pyinfra has read the value as {type(ref).__name__} {ref!r}, which may not be what you "
            "typed: quote the value, --data 'ref=\"...\"'"
        )
    if why := fault(ref):
        raise UsageError(f"--data ref: {ref!r} cannot be the name of a branch, tag or commit in git: {why}")
    return ref


@dataclass(frozen=True)
class Named:
    """The answers of the origin (the git repository) and of the mirror (its clone on a node): which commit a ref names.

    + references: name of a git reference at the origin (such as ``refs/heads/main``) -> full commit hash. If the mirror
      has a commit for the ref, the key ``mirror`` has this commit's full hash. If the origin did not answer, the key
      ``error`` has the reason
    """

    references: dict[str, str]


def resolve(ref: str, named: Named) -> str:
    """Return the full commit hash that a ref names.

    If the ref names neither a branch nor a tag, it must be a commit hash. A hash of 40 digits is returned unchanged,
    without a check that the commit exists. A hash of 7 to 39 digits is completed, if the mirror has the commit.

    + ref: branch, tag or commit
    + named: the answers of the origin (the git repository) and of the mirror (its clone on a node) about the ref

    Raises UsageError if the ref names no commit, or if a tag and a branch have this name and different commits. Raises
    Refused if the origin did not answer.
    """
    if error := named.references.get("error"):
        raise Refused(f"the origin does not answer: {error}")
    tag = named.references.get(f"refs/tags/{ref}^{{}}") or named.references.get(f"refs/tags/{ref}")
    branch = named.references.get(f"refs/heads/{ref}")
    if tag and branch and tag != branch:
        raise UsageError(
            f"--data ref: {ref} is both a tag (of the commit {tag[:7]}) and a branch (at the commit {branch[:7]}): "
            "give the hash of the commit"
        )
    if found := tag or branch:
        return found
    if COMMIT.match(ref):
        return ref
    mirrored = named.references.get("mirror", "")
    if ABBREVIATED.match(ref) and mirrored.startswith(ref):
        return mirrored
    raise UsageError(
        f"--data ref: the origin has no branch or tag {ref}: correct the name, or give all 40 digits of a commit"
    )


class Revision(Fact[Named]):
    """
    Asks the origin and the node's mirror which commit a ref names, and returns both answers.

    The mirror is the clone of the git repository on the node.

    + root: directory of the application
    + origin: URL of the git repository
    + ref: branch, tag or commit
    + login: True if the caller passes the user and the password for the origin in pyinfra's argument ``_stdin``, each
      on its own line
    + ssh: program that git runs instead of ``ssh`` to reach the origin; empty for git's default
    """

    @override
    def command(self, root: str, origin: str, ref: str, login: bool = False, ssh: str = "") -> StringCommand:
        return question(SCRIPT, root, origin, ref, "login" if login else "", ssh, seconds=20)

    @override
    def parse(self, output: list[str]) -> Named:
        split = (line.split("\t", 1) for line in output if "\t" in line)
        return Named({name.strip(): commit.strip() for commit, name in split})

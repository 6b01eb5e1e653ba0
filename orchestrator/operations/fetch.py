"""Make a release on a node from a git commit.

The node keeps a mirror: a bare clone of the git repository. Each release is a git worktree of the mirror.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/fetch.sh")


@operation()
def fetch(
    root: str,
    release: str,
    origin: str,
    revision: str,
    leave_out: Sequence[str] = (),
    login: bool = False,
    ssh: str = "",
    submodules: bool = False,
    lfs: bool = False,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Make ``releases/<release>`` on this node from a git commit.

    The node keeps a bare clone of the git repository, the mirror. The operation first fetches the commit into the
    mirror, then checks out the commit as the release.

    + root: directory of the application
    + release: id of the release
    + origin: URL of the git repository
    + revision: full commit hash
    + leave_out: paths in the repository that are not checked out, and that git ignores in every release
    + login: True if the caller passes the user and the password for the origin in pyinfra's argument ``_stdin``, each
      on its own line
    + ssh: program that git runs instead of ``ssh`` to reach the origin; empty for git's default
    + submodules: True to check out submodules too. Their files become ordinary files of the release. If False, the
      operation prints a warning if the commit has submodules
    + lfs: True to fetch files in Git LFS, with git-lfs. If False, the operation prints a warning if such files are only
      pointers in the release
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the complete release already exists, the operation changes nothing. If an incomplete release exists, the
    operation makes the release anew. If the operation fails, it leaves no incomplete release.

    **Example:**

    .. code:: python

        fetch(root="/srv/shop", release="20260101T120000Z-5d0f0c1", origin="git@host:shop.git", revision="5d0f...",
              leave_out=["storage"])
    """
    about = [root, release, origin, revision, "login" if login else "", ssh, *flags(submodules, lfs)]
    yield guarded(SCRIPT, [*about, *patterns(leave_out)], guard)


def flags(submodules: bool, lfs: bool) -> list[str]:
    """Return the arguments of the script for the settings ``source.submodules`` and ``source.lfs``."""
    return ["yes" if submodules else "", "yes" if lfs else ""]


def patterns(paths: Sequence[str]) -> list[str]:
    """Return one git pattern for each path. The pattern matches exactly this path.

    The patterns suit git's exclude files and sparse checkouts.

    + paths: paths relative to the top of the repository
    """
    return ["/" + re.sub(r"([\\*?\[\]!# ])", r"\\\1", path) for path in paths]

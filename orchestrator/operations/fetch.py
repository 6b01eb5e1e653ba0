"""Make a release on a node from a git commit. The release is a linked worktree of the node's mirror of the origin."""

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
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Make ``releases/<release>`` on this node from a git commit.

    The node keeps a mirror of the origin. The commit is first fetched into the mirror, then checked out.

    + root: directory of the application
    + release: id of the release
    + origin: URL of the git repository
    + revision: full commit hash
    + leave_out: paths that are not checked out, and that git ignores in every release
    + login: whether user and password for the origin are passed by ``_stdin``, each on its own line
    + ssh: program that git runs instead of ``ssh`` to reach the origin; empty for git's default
    + guard: guard of the node, through which the command runs; None to run the command directly

    A complete release that already exists is not changed. An incomplete release is made anew. If the operation fails,
    it leaves no incomplete release.

    **Example:**

    .. code:: python

        fetch(root="/srv/shop", release="20260101T120000Z-5d0f0c1", origin="git@host:shop.git", revision="5d0f...",
              leave_out=["storage"])
    """
    about = [root, release, origin, revision, "login" if login else "", ssh]
    yield guarded(SCRIPT, [*about, *patterns(leave_out)], guard)


def patterns(paths: Sequence[str]) -> list[str]:
    """Return a pattern for each path in the repository, in the syntax of git's exclude files and sparse checkouts."""
    return ["/" + re.sub(r"([\\*?\[\]!# ])", r"\\\1", path) for path in paths]

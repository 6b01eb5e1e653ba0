"""Makes a release of a commit on a node: a linked worktree of the node's mirror of the origin."""

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
    Bring a commit to this node as ``releases/<release>``, through a mirror of the origin.

    + root: directory of the application
    + release: id of the release
    + origin: URL of the git repository
    + revision: full commit hash
    + leave_out: paths that are not checked out, and that git ignores in every release
    + login: whether user and password for the origin come by ``_stdin``, a line each
    + ssh: program by which git reaches the origin; empty for git's own choice
    + guard: the place's guard, through which the command runs; None to run it directly

    An existing release stays as it is; a half release is begun anew. After a failure no half release is left.

    **Example:**

    .. code:: python

        fetch(root="/srv/shop", release="20260101T120000Z-5d0f0c1", origin="git@host:shop.git", revision="5d0f...",
              leave_out=["storage"])
    """
    about = [root, release, origin, revision, "login" if login else "", ssh]
    yield guarded(SCRIPT, [*about, *patterns(leave_out)], guard)


def patterns(paths: Sequence[str]) -> list[str]:
    """The patterns for paths of a repository, as exclude files and sparse checkouts of git have them."""
    return ["/" + re.sub(r"([\\*?\[\]!# ])", r"\\\1", path) for path in paths]

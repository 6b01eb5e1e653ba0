"""Remove a release from a node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/discard.sh")


@operation()
def discard(root: str, release: str, remove: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Remove one release, complete or incomplete, from this node.

    + root: directory of the application
    + release: id of the release
    + remove: path of the program that deletes files of other users in the release. Sudo runs the program as root
    + guard: guard of the node, through which the command runs; None to run the command directly

    If a color still points to the release, the operation fails and removes nothing.

    **Example:**

    .. code:: python

        discard(root="/srv/shop", release="20260101T120000Z-5d0f0c1",
                remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, release, remove], guard)

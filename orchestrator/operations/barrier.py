"""Note a release as the barrier on a node: no older release may run there."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/barrier.sh")


@operation()
def barrier(root: str, release: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Note the barrier on a node: no release that is older than this release may run on the node any more.

    + root: directory of the application
    + release: id of the release; empty to remove the note
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        barrier(root="/srv/shop", release="20260101T120000Z-5d0f0c1")
    """
    yield guarded(SCRIPT, [root, release], guard)

"""Make a release on a node from files that the operator's machine has sent."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/receive.sh")


@operation()
def receive(root: str, release: str, expected: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Make ``releases/<release>`` from the files that the operator's machine has sent to ``releases/.<release>.part``.

    + root: directory of the application
    + release: id of the release
    + expected: hash over all files, as the operator's machine calculated the hash. If the files on the node have
      another hash, the operation fails
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the release already exists, the operation changes nothing. If the operation fails, it leaves no incomplete
    release.

    **Example:**

    .. code:: python

        receive(root="/srv/shop", release="20260101T120000Z-5d0f0c1", expected="9254da...")
    """
    yield guarded(SCRIPT, [root, release, expected], guard)

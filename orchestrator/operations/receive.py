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
    Make ``releases/<release>`` from the files in ``releases/.<release>.part``. Fail if a file is missing or differs.

    + root: directory of the application
    + release: id of the release
    + expected: hash of the files that were sent
    + guard: guard of the node, through which the command runs; None to run the command directly

    A release that already exists is not changed. If the operation fails, it leaves no incomplete release.

    **Example:**

    .. code:: python

        receive(root="/srv/shop", release="20260101T120000Z-5d0f0c1", expected="9254da...")
    """
    yield guarded(SCRIPT, [root, release, expected], guard)

"""Makes a release directory of what was pushed to a node."""

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
    Make ``releases/<release>`` of what was pushed to ``releases/.<release>.part``, if all of it has come.

    + root: directory of the application
    + release: id of the release
    + expected: hash of the tree that was sent
    + guard: the guard to go through, if any

    A release that is already there is left as it is. On failure no half release is left.

    **Example:**

    .. code:: python

        receive(root="/srv/shop", release="20260101T120000Z-5d0f0c1", expected="9254da...")
    """
    yield guarded(SCRIPT, [root, release, expected], guard)

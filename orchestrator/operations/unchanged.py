"""Check that a release lacks no environment file or build output of the live release, and has the same shared paths."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/unchanged.sh")


@operation(is_idempotent=False)
def unchanged(root: str, release: str, live: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Fail if the release lacks the live release's environment file or a build output, or has other shared paths.

    + root: directory of the application
    + release: id of the release
    + live: id of the live release
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        unchanged(root="/srv/shop", release="20260101T120000Z-5d0f0c1", live="20251231T120000Z-0f3c9aa")
    """
    yield guarded(SCRIPT, [root, release, live], guard)

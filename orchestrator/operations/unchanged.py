"""Check that a release has the environment file, build outputs and shared paths that the live release has."""

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
    Fail if the release has other shared paths than the live release, or lacks what the live release has.

    "What the live release has" are its environment file and the outputs of its build steps. The operation checks only
    that the release has them too, and does not compare their content.

    + root: directory of the application
    + release: id of the release
    + live: id of the live release
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        unchanged(root="/srv/shop", release="20260101T120000Z-5d0f0c1", live="20251231T120000Z-0f3c9aa")
    """
    yield guarded(SCRIPT, [root, release, live], guard)

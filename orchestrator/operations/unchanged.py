"""Check that a release does not lack files that the live release has, and that both have the same shared paths.

The files are the environment file and the outputs of build steps.
"""

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
    Fail if a release lacks the environment file or build outputs of the live release, or has other shared paths.

    The operation does not compare the content of the environment file and of the build outputs. The stages
    ``environment`` and ``build`` have already compared both.

    + root: directory of the application
    + release: id of the release
    + live: id of the live release
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        unchanged(root="/srv/shop", release="20260101T120000Z-5d0f0c1", live="20251231T120000Z-0f3c9aa")
    """
    yield guarded(SCRIPT, [root, release, live], guard)

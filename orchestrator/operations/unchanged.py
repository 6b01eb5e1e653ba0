"""Compares what a release has beside its code with what the live release has."""

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
    Fail where the live release has an environment, a build step's outputs or shared paths that a release has not.

    + root: directory of the application
    + release: id of the release
    + live: id of the live release
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        unchanged(root="/srv/shop", release="20260101T120000Z-5d0f0c1", live="20251231T120000Z-0f3c9aa")
    """
    yield guarded(SCRIPT, [root, release, live], guard)

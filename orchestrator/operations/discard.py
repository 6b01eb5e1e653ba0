"""Removes a release from a node."""

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
    Remove a whole or half release that no color points to.

    + root: directory of the application
    + release: id of the release
    + remove: path of the program that removes a renamed release; runs as root
    + guard: the place's guard, through which the command runs; None to run it directly

    Fails, and removes nothing, if a color still points to the release.

    **Example:**

    .. code:: python

        discard(root="/srv/shop", release="20260101T120000Z-5d0f0c1",
                remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, release, remove], guard)

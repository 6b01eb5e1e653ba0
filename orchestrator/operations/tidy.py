"""Removes from a node what runs that were ended left half done."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/tidy.sh")


@operation()
def tidy(root: str, remove: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Remove what half and packed releases ended runs left, and no release.

    + root: directory of the application
    + remove: path of the script that removes a release that was renamed for it; run as root
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        tidy(root="/srv/shop", remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, remove], guard)

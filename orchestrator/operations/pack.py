"""Packs a release as it is on a node, for another node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/pack.sh")


@operation(is_idempotent=False)
def pack(root: str, release: str, helper: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Pack a release, with all that was linked and built in it, as ``releases/.<release>.tar``; prints its SHA-256.

    + root: directory of the application
    + release: id of the release
    + helper: script that writes a release's files to its output, run as root
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        pack(root="/srv/shop", release="20260101T120000Z-5d0f0c1", helper="/usr/local/lib/orchestrator/shop/pack")
    """
    yield guarded(SCRIPT, [root, release, helper], guard)

"""Unpack a release that was packed on another node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/unpack.sh")


@operation(is_idempotent=False)
def unpack(
    root: str, release: str, sha256: str, remove: str, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Unpack ``releases/.<release>.tar``, which was packed on another node, and remove the tar file.

    Use this operation only on a node without traffic: a release that already exists is replaced, even if a color points
    to the release.

    + root: directory of the application
    + release: id of the release
    + sha256: SHA-256 of the tar file
    + remove: path of the program that deletes a release that this operation has renamed. Sudo runs it as root
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        unpack(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="9f86d0...",
               remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, release, sha256, remove], guard)

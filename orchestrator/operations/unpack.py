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

    If the release already exists, the operation replaces the release, even if a color points to it. Therefore use this
    operation only on a node without traffic.

    + root: directory of the application
    + release: id of the release
    + sha256: SHA-256 that the tar file must have
    + remove: path of the program that deletes files of other users in a release. Sudo runs the program as root
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        unpack(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="9f86d0...",
               remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, release, sha256, remove], guard)

"""Pack a release on a node into a tar file, to copy the release to another node."""

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
    Pack a release, with its links and build outputs, into ``releases/.<release>.tar``, and print the file's SHA-256.

    + root: directory of the application
    + release: id of the release
    + helper: path of the program that reads the release's files and writes the tar file to its standard output. Sudo
      runs the program as root, because the deploy user may not read every file
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        pack(root="/srv/shop", release="20260101T120000Z-5d0f0c1", helper="/usr/local/lib/orchestrator/shop/pack")
    """
    yield guarded(SCRIPT, [root, release, helper], guard)

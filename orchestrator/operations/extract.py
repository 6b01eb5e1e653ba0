"""Make a release from a tarball on a node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/extract.sh")


@operation()
def extract(
    root: str, release: str, sha256: str, strip: int = 0, pushed: bool = False, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Make ``releases/<release>`` on this node from a tarball.

    Curl's configuration, with the URL, is passed by ``_stdin``.

    + root: directory of the application
    + release: id of the release
    + sha256: SHA-256 of the tarball
    + strip: number of leading path components that are removed from the members' names
    + pushed: whether the tarball is on the node already, as ``releases/.<release>.part/archive``
    + guard: guard of the node, through which the command runs; None to run the command directly

    The operation fails if the hash differs, if a member's path leads out of the release's directory, or if a member is
    neither file, directory nor link. An existing release stays as it is. After a failure, no incomplete release is
    left.

    **Example:**

    .. code:: python

        extract(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="5d0f...",
               _stdin='url = "https://example.com/shop.tar.gz"')
    """
    yield guarded(SCRIPT, [root, release, sha256, str(strip), "pushed" if pushed else ""], guard)

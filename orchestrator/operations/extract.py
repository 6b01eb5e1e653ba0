"""Makes a release of a tarball on a node."""

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
    Bring a tarball to this node as ``releases/<release>``. Curl's configuration, with the URL, comes by ``_stdin``.

    + root: directory of the application
    + release: id of the release
    + sha256: SHA-256 of the tarball
    + strip: number of leading components that are removed from the names of members
    + pushed: the tarball is here already, as ``releases/.<release>.part/archive``
    + guard: the place's guard, through which the command runs; None to run it directly

    Fails if the hash differs, if a member is outside of the directory, and if a member is neither file, directory nor
    link. An existing release stays as it is. After a failure no half release is left.

    **Example:**

    .. code:: python

        extract(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="5d0f...",
               _stdin='url = "https://example.com/shop.tar.gz"')
    """
    yield guarded(SCRIPT, [root, release, sha256, str(strip), "pushed" if pushed else ""], guard)

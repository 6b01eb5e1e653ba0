"""Make a release on a node from a tarball."""

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

    If ``pushed`` is False, curl downloads the tarball. The configuration of curl, which contains the tarball's URL, is
    passed by ``_stdin``.

    + root: directory of the application
    + release: id of the release
    + sha256: SHA-256 of the tarball
    + strip: number of leading path components to remove from the names of files in the tarball
    + pushed: whether the tarball is on the node already, as ``releases/.<release>.part/archive``
    + guard: guard of the node, through which the command runs; None to run the command directly

    The operation fails if the tarball has another hash, if a path in the tarball leads out of the release's directory,
    or if the tarball contains anything but files, directories and links. It also fails if the tarball has ``.git`` or
    ``.release`` at its top, or no files after ``strip``. A release that already exists is not changed. If the operation
    fails, it leaves no incomplete release.

    **Example:**

    .. code:: python

        extract(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="5d0f...",
               _stdin='url = "https://example.com/shop.tar.gz"')
    """
    yield guarded(SCRIPT, [root, release, sha256, str(strip), "pushed" if pushed else ""], guard)

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

    If ``pushed`` is False, curl downloads the tarball. For this, the caller passes a configuration of curl, which
    contains the tarball's URL, in pyinfra's argument ``_stdin``.

    + root: directory of the application
    + release: id of the release
    + sha256: SHA-256 that the tarball must have
    + strip: number of leading path components to remove from the names of files in the tarball
    + pushed: True if the tarball is on the node already, as ``releases/.<release>.part/archive``
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the release already exists, the operation changes nothing. If the operation fails, it leaves no incomplete
    release. The operation fails in these cases:

    * The tarball has another SHA-256.
    * A path in the tarball leads out of the release's directory.
    * The tarball contains a device, a pipe or a socket.
    * The top directory of the release would contain ``.git`` or ``.release``.
    * After the leading path components are removed (``strip``), no files are left.

    **Example:**

    .. code:: python

        extract(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="5d0f...",
               _stdin='url = "https://example.com/shop.tar.gz"')
    """
    yield guarded(SCRIPT, [root, release, sha256, str(strip), "pushed" if pushed else ""], guard)

"""Brings a tarball to a node as a release directory."""

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
    + sha256: of the tarball
    + strip: leading components of its members' names that are left out
    + pushed: it is here already, as ``releases/.<release>.part/archive``
    + guard: the guard to go through, if any

    Refused are other bytes, members outside of the directory, and anything but files, directories and links.
    A release that is already there is left as it is. On failure no half release is left.

    **Example:**

    .. code:: python

        extract(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="5d0f...",
               _stdin='url = "https://example.com/shop.tar.gz"')
    """
    yield guarded(SCRIPT, [root, release, sha256, str(strip), "pushed" if pushed else ""], guard)

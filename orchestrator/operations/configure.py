"""Write the files that configure a color for a release."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/configure.sh")


@operation(is_idempotent=False)
def configure(
    root: str,
    release: str,
    check: str = "",
    web_user: str = "www-data",
    include: str = "",
    live: str | None = None,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Write the files with which a color serves a release: the configuration of the color's nginx, for both colors.

    The files are passed by ``_stdin``, as a tar archive in base64.

    + root: directory of the application
    + release: id of the release
    + check: path of the program that checks the files of a release; empty for no check. If the program refuses the
      files, the operation fails
    + web_user: user that runs ``check``
    + include: path of a file of the release with more directives for nginx; empty for none
    + live: id of the live release. If it has other files, the operation fails and writes nothing. None for no
      comparison
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        configure(root="/srv/shop", release="20260101T120000Z-5d0f0c1", _stdin=packed(files(settings), "public"))
    """
    yield guarded(SCRIPT, [root, release, check, web_user, include, live or ""], guard)

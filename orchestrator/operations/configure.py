"""Write the configuration files of nginx, PHP-FPM and services into a release."""

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
    Write the configuration files that a color needs to serve a release: for nginx, PHP-FPM and services.

    The caller passes the files in pyinfra's argument ``_stdin``, as a tar archive in base64. The files go to the
    release's directory ``.release/stack``.

    + root: directory of the application
    + release: id of the release
    + check: path of a program that checks the configuration files of a release; empty for no check. If the program
      refuses the files, the operation fails
    + web_user: user as whom ``check`` runs
    + include: path of a file of the release that has more directives for nginx. The operation copies this file to the
      configuration files. Empty: no such file
    + live: id of the live release. If the live release has different configuration files, the operation fails and
      writes nothing. None for no comparison
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        configure(root="/srv/shop", release="20260101T120000Z-5d0f0c1", _stdin=packed(files(settings), "public"))
    """
    yield guarded(SCRIPT, [root, release, check, web_user, include, live or ""], guard)

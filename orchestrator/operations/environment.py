"""Write the environment file of a release."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/environment.sh")


@operation(is_idempotent=False)
def environment(
    root: str,
    release: str,
    path: str,
    live: str | None = None,
    only_same: bool = False,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Write the environment file of a release, with mode 0600.

    The caller passes the text of the file in pyinfra's argument ``_stdin``.

    + root: directory of the application
    + release: id of the release
    + path: path of the file, relative to the release
    + live: id of the live release; None if there is no live release
    + only_same: True to fail if the live release does not have the same environment file at the same path
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        environment(root="/srv/shop", release="20260101T120000Z-5d0f0c1", path=".env", _stdin="APP_ENV=production\\n")
    """
    yield guarded(SCRIPT, [root, release, path, live or "", "only" if only_same else ""], guard)

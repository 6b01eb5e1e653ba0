"""Remove incomplete releases and tar files of releases, which ended runs have left behind on a node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/tidy.sh")


@operation()
def tidy(root: str, remove: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Remove incomplete releases and tar files of releases, which ended runs have left behind.

    Such a tar file was made to copy a release to another node. The operation does not remove complete releases.

    + root: directory of the application
    + remove: path of the program that deletes files of other users in a release. Sudo runs the program as root
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        tidy(root="/srv/shop", remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, remove], guard)

"""Remove incomplete and packed releases, which ended runs have left behind, from a node."""

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
    Remove the incomplete releases and the packed releases (tar files for a join) that ended runs have left behind.

    Complete releases are not removed.

    + root: directory of the application
    + remove: path of the program that deletes a release that this operation has renamed. Sudo runs it as root
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        tidy(root="/srv/shop", remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, remove], guard)

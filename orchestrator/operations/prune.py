"""Remove old releases from a node."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/prune.sh")


@operation()
def prune(
    root: str, keep: int, used: str, remove: str, needed: Sequence[str] = (), guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Remove the oldest releases that are not in use, until ``keep`` releases are left. A release's name tells its age.

    The operation also removes incomplete releases and packed releases (tar files) that ended runs left behind. It
    records the size of each needed release, in KiB and inodes, in the release's file ``.release/size``.

    + root: directory of the application
    + keep: number of releases to keep
    + used: path of the program that prints the releases in use; runs as root
    + remove: path of the program that deletes a release that this operation has renamed. Sudo runs it as root
    + needed: ids of releases that stay even if they are old
    + guard: guard of the node, through which the command runs; None to run the command directly

    A release is in use if a color points to the release, if a process has its working directory in the release, or if a
    process has a file of the release open.

    **Example:**

    .. code:: python

        prune(root="/srv/shop", keep=5, used="/usr/local/lib/orchestrator/shop/used",
              remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, str(keep), used, remove, *needed], guard)

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
    Remove the oldest releases that are not in use, until ``keep`` releases are left.

    The id of a release begins with its date, so the ids tell which releases are the oldest. A release is in use in
    these cases: a color points to the release, a process has its working directory in the release, or a process has a
    file of the release open.

    The operation also removes incomplete releases and tar files of releases, which ended runs have left behind. For
    each release in ``needed``, the operation writes the size, in KiB and inodes, to the release's file
    ``.release/size``.

    + root: directory of the application
    + keep: number of releases to keep, including the releases that are in use or in ``needed``
    + used: path of the program that prints which releases processes use. Sudo runs the program as root
    + remove: path of the program that deletes files of other users in a release. Sudo runs the program as root
    + needed: ids of releases that are never removed
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        prune(root="/srv/shop", keep=5, used="/usr/local/lib/orchestrator/shop/used",
              remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, str(keep), used, remove, *needed], guard)

"""Make nginx on a node end each connection after its next answer, or keep connections open again."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/drain.sh")


@operation()
def drain(mark: str, on: bool, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Make nginx on this node end each connection after its next answer, or keep connections open again.

    + mark: path of the drain mark. While this file exists, nginx ends each connection after its next answer
    + on: True to write the drain mark, False to remove it
    + guard: guard of the node, through which the command runs; None to run the command directly

    The drain mark of a provisioning is neither changed nor removed.

    **Example:**

    .. code:: python

        drain(mark="/srv/shop/guard/drain", on=True)
    """
    yield guarded(SCRIPT, [mark, "on" if on else "off"], guard)

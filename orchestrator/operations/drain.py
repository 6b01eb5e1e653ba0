"""Make nginx on a node end each connection after its next answer, or keep connections open again."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/drain.sh")


@operation()
def drain(
    mark: str, on: bool, any_mark: bool = True, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Make nginx on this node end each connection after its next answer, or keep connections open again.

    + mark: path of the drain mark. While this file exists, nginx ends each connection after its next answer
    + on: True to write the drain mark, False to remove it
    + any_mark: whether the operation also removes the drain mark of a provisioning. If False, it removes only the mark
      of a join. The operation never overwrites a mark
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        drain(mark="/srv/shop/guard/drain", on=True)
    """
    yield guarded(SCRIPT, [mark, "on" if on else "off", "any" if any_mark else "join"], guard)

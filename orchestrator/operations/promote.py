"""Point the ``live`` link of a node to a color."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/promote.sh")


@operation()
def promote(
    root: str, color: str, app: str = "", soak: bool = False, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Point the ``live`` link to a color. The link is replaced by rename(2), so that the link is never missing.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + app: name of the deployment (``Settings.name``), needed only with ``soak``
    + soak: True to start the timer that later gives the other color fewer PHP-FPM workers. If ``color`` itself has such
      a timer, the operation stops this timer
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        promote(root="/srv/shop", color="green")
    """
    yield guarded(SCRIPT, [root, color, app if soak else ""], guard)

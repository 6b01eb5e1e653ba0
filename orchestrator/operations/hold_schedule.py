"""Note on a node which schedules the node runs from now on."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/hold_schedule.sh")


@operation()
def hold_schedule(
    root: str, runs: str, holder: str = "", guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Note which schedules a node runs from now on. The timers of the node read this note at each tick.

    + root: directory of the application
    + runs: ``one`` for all schedules, ``each`` for the schedules with ``"on": "each"``, ``none`` for no schedule
    + holder: name of the node that runs the single-node schedules; empty if unknown
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        hold_schedule(root="/srv/shop", runs="one", holder="node1")
    """
    yield guarded(SCRIPT, [root, runs, holder], guard)

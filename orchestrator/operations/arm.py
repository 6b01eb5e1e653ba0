"""Arm a node to swap its ``live`` link by itself at one instant, and disarm the node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

ARM = read("operations/arm.sh")
DISARM = read("operations/disarm.sh")
PROGRAM = read("operations/arm.pl")


@operation(is_idempotent=False)
def arm(
    root: str, color: str, at: float, window: float, run: int, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Start a process on the node that makes ``live`` name a color at one instant, by rename(2), and then ends.

    + root: directory of the application; its ``guard`` holds the files that the process writes
    + color: ``blue`` or ``green``
    + at: the instant, in seconds since 1970 by the node's own clock
    + window: seconds after the instant within which the swap may still happen; a node that was frozen for longer does
      not swap
    + run: number of the run, for the record
    + guard: guard of the node, through which the command runs; None to run the command directly

    Arming again replaces the earlier arming. If, at the instant, another command holds the guard's lock, a newer run
    has used the guard, or the node was disarmed, the link does not move. A reboot also disarms the node. The fact
    ``Fired`` returns the outcome. The operation fails if the instant is already past.

    **Example:**

    .. code:: python

        arm(root="/srv/shop", color="green", at=time.time() + 3, window=0.5, run=12)
    """
    yield guarded(ARM, [PROGRAM, root, color, f"{at:.6f}", f"{window:.6f}", str(run)], guard)


@operation()
def disarm(root: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Undo ``arm``: the node no longer moves its link by itself.

    + root: directory of the application
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the node is not armed or has swapped already, nothing happens. To move the link back after a swap, arm the node
    for the former color.

    **Example:**

    .. code:: python

        disarm(root="/srv/shop")
    """
    yield guarded(DISARM, [root], guard)

"""Arm a node or disarm a node. An armed node changes its ``live`` link at an agreed instant."""

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
    Start a process on a node. At a given instant, the process points the ``live`` link to a color.

    + root: directory of the application. The process writes its files to the directory ``<root>/guard``
    + color: ``blue`` or ``green``
    + at: the instant, in seconds since 1970 by the node's own clock
    + window: seconds after the instant during which the process may still change the link. If the process wakes later,
      for example because the node was frozen, it does not change the link
    + run: number of the run, which the process writes to its files
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the node is already armed, the new process replaces the old process. A reboot disarms the node. The fact
    ``Fired`` returns the outcome. If the instant is past, or more than an hour away, the operation fails.

    In these cases the process does not change the link:

    * the node was disarmed before the instant;
    * a newer run has used the guard;
    * another command holds the guard's lock at the instant;
    * the process wakes later than ``window`` seconds after the instant.

    **Example:**

    .. code:: python

        arm(root="/srv/shop", color="green", at=time.time() + 3, window=0.5, run=12)
    """
    yield guarded(ARM, [PROGRAM, root, color, f"{at:.6f}", f"{window:.6f}", str(run)], guard)


@operation()
def disarm(root: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Disarm a node, so that the node does not change its ``live`` link at the agreed instant.

    + root: directory of the application
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the node is not armed, or if it has already changed its link, the operation changes nothing. To change the link
    back, arm the node for the former color.

    **Example:**

    .. code:: python

        disarm(root="/srv/shop")
    """
    yield guarded(DISARM, [root], guard)

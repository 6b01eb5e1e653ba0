"""Arms a node to swap its ``live`` link by itself at one instant, and takes that back."""

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
    Leave a process on the node that makes ``live`` name a color at one instant, by rename(2), and then ends.

    + root: directory of the application; its ``guard`` holds what the process leaves
    + color: ``blue`` or ``green``
    + at: the instant, in seconds since 1970 by the node's own clock
    + window: seconds after the instant from which the node, because it was frozen, does not swap any more
    + run: number of the run, for the record
    + guard: the guard to go through, if any

    Arming again replaces what was armed before. The link stays as it is if at that instant another command
    holds the guard's lock, a newer run was here, or the node was disarmed. A reboot disarms, too. Fact
    ``Fired`` tells what became of it. The operation fails if the instant has passed already.

    **Example:**

    .. code:: python

        arm(root="/srv/shop", color="green", at=time.time() + 3, window=0.5, run=12)
    """
    yield guarded(ARM, [PROGRAM, root, color, f"{at:.6f}", f"{window:.6f}", str(run)], guard)


@operation()
def disarm(root: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Take ``arm`` back: once this is done, the link does not move by itself any more.

    + root: directory of the application
    + guard: the guard to go through, if any

    Where nothing is armed, or where it has fired, nothing happens: whoever wants the link back where it was
    arms for that color next.

    **Example:**

    .. code:: python

        disarm(root="/srv/shop")
    """
    yield guarded(DISARM, [root], guard)

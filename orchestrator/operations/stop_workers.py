"""Tell the workers of colors to end."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/stop_workers.sh")


@operation()
def stop_workers(
    root: str, colors: Sequence[str], program: str, keep: str = "", guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Tell all workers of colors to take no further job, and to end after their present jobs. The operation does not wait.

    + root: directory of the application
    + colors: ``blue``, ``green`` or both
    + program: path of the program ``workers``, which provisioning installed. Sudo runs the program as root
    + keep: color whose workers run from now on. The operation first starts the missing workers of this color. From now
      on, these workers also start at boot. ``none``: no workers start at boot. Empty: the operation starts no workers,
      and does not change which workers start at boot
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        stop_workers(root="/srv/shop", colors=["blue"], program="/usr/local/lib/orchestrator/shop/workers")
    """
    yield guarded(SCRIPT, [root, program, keep, *colors], guard)

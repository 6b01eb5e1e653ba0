"""Start the workers of a color."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/start_workers.sh")


@operation()
def start_workers(
    root: str, color: str, program: str, hold: bool = False, only: Sequence[str] = (), guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Start the missing processes of the workers that a color's release has.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + program: path of the program ``workers``, which provisioning installed. Sudo runs the program as root
    + hold: whether this color's workers also start at boot from now on, and the other color's workers do not
    + only: names of the workers to start; empty for all workers of the release
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        start_workers(root="/srv/shop", color="green", program="/usr/local/lib/orchestrator/shop/workers")
    """
    yield guarded(SCRIPT, [root, color, program, "hold" if hold else "", *only], guard)

"""Bar nodes at a balancer, or let nodes in again."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/bar.sh")


@operation()
def bar(
    script: str, addresses: Sequence[str], out: bool, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Bar nodes at this balancer, or let barred nodes in again.

    + script: path of the program ``bar``, which provisioning installed. Sudo runs the program as root
    + addresses: addresses of the nodes, as the balancer reaches them
    + out: True to bar the nodes, False to let them in
    + guard: guard of the balancer, through which the command runs; None to run the command directly

    The balancer opens no new connections to either color of a barred node. Requests in flight continue. The change
    takes effect at once, without a reload, and survives a reboot.

    **Example:**

    .. code:: python

        bar(script="/usr/local/lib/orchestrator/shop/bar", addresses=["10.0.0.13"], out=True)
    """
    yield guarded(SCRIPT, [script, "on" if out else "off", *addresses], guard)

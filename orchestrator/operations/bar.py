"""Keeps nodes out of both colors at a balancer, or lets them in again."""

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
    Keep nodes from getting new connections from this balancer, in both colors, or let them in again.

    + script: path of the bar that provisioning installed; run as root
    + addresses: of the nodes, as the balancer reaches them
    + out: keep them out, or let them in
    + guard: the guard to go through, if any

    It acts at once and without a reload, and lasts beyond a reboot. Requests in flight go on.

    **Example:**

    .. code:: python

        bar(script="/usr/local/lib/orchestrator/shop/bar", addresses=["10.0.0.13"], out=True)
    """
    yield guarded(SCRIPT, [script, "on" if out else "off", *addresses], guard)

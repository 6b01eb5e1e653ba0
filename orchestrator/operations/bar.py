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
    Keep this balancer from opening connections to both colors of nodes, or let it open them again.

    + script: path of the program ``bar`` that provisioning installed; runs as root
    + addresses: addresses of the nodes, as the balancer reaches them
    + out: True to keep the nodes out, False to let them in
    + guard: the place's guard, through which the command runs; None to run it directly

    The change acts at once, without a reload, and survives a reboot. Requests in flight go on.

    **Example:**

    .. code:: python

        bar(script="/usr/local/lib/orchestrator/shop/bar", addresses=["10.0.0.13"], out=True)
    """
    yield guarded(SCRIPT, [script, "on" if out else "off", *addresses], guard)

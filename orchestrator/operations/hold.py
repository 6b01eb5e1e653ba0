"""Let new requests wait at a balancer, and let them go on."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.switches import balancer


@operation(is_idempotent=False)
def hold(app: str, kind: str, seconds: int, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Let new requests wait at this balancer for a short time, or let them go on.

    + app: name of the deployment (``Settings.name``)
    + kind: ``haproxy`` or ``nginx``
    + seconds: the longest time for which requests wait; the hold ends by itself after this time. 0 to let the requests
      go on
    + guard: guard of the balancer, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        hold(app="shop", kind="haproxy", seconds=5)
    """
    yield guarded(balancer(kind, BalancerLayout(app)).hold, [str(seconds)], guard)

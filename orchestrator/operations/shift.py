"""Set the weights of both colors at a balancer."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.switches import balancer


@operation()
def shift(app: str, kind: str, green: int, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Set green's share of the traffic at this balancer, without a reload.

    + app: name of the deployment (``Settings.name``)
    + kind: ``haproxy`` or ``nginx``
    + green: green's share of the traffic, 0 to 100 per cent. Blue gets the remaining share
    + guard: guard of the balancer, through which the command runs; None to run the command directly

    If HAProxy or nginx does not accept the weight, the operation fails and the balancer keeps the former weight.

    **Example:**

    .. code:: python

        shift(app="shop", kind="haproxy", green=100)
    """
    yield guarded(balancer(kind, BalancerLayout(app)).shift, [str(green)], guard)

"""Moves traffic at a balancer."""

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
    Give green a share of the traffic at this balancer; nothing is reloaded.

    + app: name of the application
    + kind: ``haproxy`` or ``nginx``
    + green: per cent of the traffic, 0 to 100; blue gets the rest
    + guard: the guard to go through, if any

    If the data plane does not take it, the balancer is left as it was and the operation fails.

    **Example:**

    .. code:: python

        shift(app="shop", kind="haproxy", green=100)
    """
    yield guarded(balancer(kind, BalancerLayout(app)).shift, [str(green)], guard)

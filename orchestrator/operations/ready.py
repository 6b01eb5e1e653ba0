"""Prepare a balancer for a shift of traffic."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.switches import balancer


@operation(is_idempotent=False)
def ready(app: str, kind: str, green: int, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Check that this balancer would accept a new weight for green, and prepare the shift. No traffic moves.

    + app: name of the deployment (``Settings.name``)
    + kind: ``haproxy`` or ``nginx``
    + green: share of the traffic that green will get, 0 to 100 per cent
    + guard: guard of the balancer, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        ready(app="shop", kind="haproxy", green=100)
    """
    yield guarded(balancer(kind, BalancerLayout(app)).arm, [str(green)], guard)

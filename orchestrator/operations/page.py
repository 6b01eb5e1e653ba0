"""Let a balancer send the page of maintenance, or the application's answers."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.switches import balancer


@operation()
def page(app: str, kind: str, on: bool, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Let this balancer send the page of the setting ``maintenance``, or the application's answers again.

    + app: name of the deployment (``Settings.name``)
    + kind: ``haproxy`` or ``nginx``
    + on: True for the page, False for the application's answers
    + guard: guard of the balancer, through which the command runs; None to run the command directly

    Nothing is reloaded, and a restart of the balancer keeps the change. If the balancer does not accept the change, the
    operation fails, and the balancer keeps the former state.

    **Example:**

    .. code:: python

        page(app="shop", kind="haproxy", on=True)
    """
    yield guarded(balancer(kind, BalancerLayout(app)).page, ["on" if on else "off"], guard)

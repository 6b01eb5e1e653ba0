"""Read, in one round trip, how both colors answered, from a balancer's own record of requests."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.command import script
from orchestrator.switches import balancer


class TrafficLines(FactBase[list[str]]):
    """
    Returns the lines in which a balancer sums up its record of requests; ``Balancer.traffic`` parses these lines.

    + app: name of the application
    + kind: ``haproxy`` or ``nginx``
    + begin: begin of the window in epoch seconds by the balancer's clock, such as the end of the previous window; None
      for the time at which the weight was set
    + end: end of the window in epoch seconds by the balancer's clock; None for now
    """

    @override
    def command(self, app: str, kind: str, begin: float | None = None, end: float | None = None) -> StringCommand:
        words = ["" if time is None else f"{time:.3f}" for time in (begin, end)]
        return script(balancer(kind, BalancerLayout(app)).record + "\ntrue", *words, seconds=20)

    @override
    def process(self, output: list[str]) -> list[str]:
        return output

    @staticmethod
    @override
    def default() -> list[str]:
        return []

"""Read how both colors answered requests, from a balancer's own log of requests."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.layout import BalancerLayout
from orchestrator.scripts.command import question
from orchestrator.switches import balancer


class TrafficLines(Fact[list[str]]):
    """
    Returns a summary of the requests that a balancer has logged in a time window, as lines of text.

    The method ``traffic`` of the switch parses these lines.

    + app: name of the deployment (``Settings.name``)
    + kind: ``haproxy`` or ``nginx``
    + begin: begin of the window, in epoch seconds by the balancer's clock; None for the time at which the present
      weight was set
    + end: end of the window, in epoch seconds by the balancer's clock; None for the present time
    """

    @override
    def command(self, app: str, kind: str, begin: float | None = None, end: float | None = None) -> StringCommand:
        words = ["" if time is None else f"{time:.3f}" for time in (begin, end)]
        return question(balancer(kind, BalancerLayout(app)).record + "\ntrue", *words, seconds=20)

    @override
    def parse(self, output: list[str]) -> list[str]:
        return output

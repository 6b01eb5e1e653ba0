"""Read the state of a balancer with one command."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.command import script
from orchestrator.switches import balancer


class BalancerLines(FactBase[list[str]]):
    """
    Returns the lines that a balancer prints about its state. The method ``seen`` of the switch parses these lines.

    + app: name of the application
    + kind: ``haproxy`` or ``nginx``
    """

    @override
    def command(self, app: str, kind: str) -> StringCommand:
        return script(balancer(kind, BalancerLayout(app)).look + "\ntrue")

    @override
    def process(self, output: list[str]) -> list[str]:
        return output

    @staticmethod
    @override
    def default() -> list[str]:
        return []

"""Read the state of a balancer with one command."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.layout import BalancerLayout
from orchestrator.scripts.command import question
from orchestrator.switches import balancer


class BalancerLines(Fact[list[str]]):
    """
    Returns the lines that a balancer prints about its state. The method ``seen`` of the switch parses these lines.

    + app: name of the deployment (``Settings.name``)
    + kind: ``haproxy`` or ``nginx``
    """

    @override
    def command(self, app: str, kind: str) -> StringCommand:
        return question(balancer(kind, BalancerLayout(app)).look + "\ntrue")

    @override
    def parse(self, output: list[str]) -> list[str]:
        return output

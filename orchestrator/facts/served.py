"""Send requests through a balancer, and read which nodes answer."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.facts.answers import forwarded
from orchestrator.scripts.command import script
from orchestrator.scripts.files import read

SCRIPT = read("facts/served.sh")


class Served(FactBase[frozenset[str]]):
    """
    Sends requests to the balancer on this host, and returns the names of the nodes that answered.

    Answers without the marker X-Node are left out. The caller passes the probe token in pyinfra's argument ``_stdin``,
    because every user can read a command line.

    + port: port of the balancer
    + path: path of the health page
    + hostname: Host header
    + count: number of requests
    + https: whether requests have the header X-Forwarded-Proto: https
    """

    @override
    def command(self, port: int, path: str, hostname: str, count: int, https: bool = False) -> StringCommand:
        return script(SCRIPT, path, hostname, forwarded(https), str(port), str(count), seconds=5 * count)

    @override
    def process(self, output: list[str]) -> frozenset[str]:
        return frozenset(output)

    @staticmethod
    @override
    def default() -> frozenset[str]:
        return frozenset()

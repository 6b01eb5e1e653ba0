"""Send requests to a balancer on its own host, and read which nodes answer."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.answers import forwarded
from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SCRIPT = read("facts/served.sh")


class Served(Fact[frozenset[str]]):
    """
    Sends requests to the balancer on this host, and returns the names of the nodes that answered.

    The names are from the header X-Node. Answers without this header are ignored. The caller passes the probe token, a
    secret that the requests contain, in pyinfra's argument ``_stdin``. A command line would show the token to every
    user of the balancer.

    + port: port on which the balancer gets requests
    + path: path of the health page
    + hostname: value of the Host header
    + count: number of requests, one after the other
    + https: whether requests have the header X-Forwarded-Proto: https
    """

    @override
    def command(self, port: int, path: str, hostname: str, count: int, https: bool = False) -> StringCommand:
        return question(SCRIPT, path, hostname, forwarded(https), str(port), str(count), seconds=5 * count)

    @override
    def parse(self, output: list[str]) -> frozenset[str]:
        return frozenset(output)

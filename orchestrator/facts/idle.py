"""Whether a color is still answering anybody on a node."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import pairs, script
from orchestrator.scripts.files import read

SCRIPT = read("facts/in_flight.sh")

KEPT = r"""
echo kept
ss -HtniO state established "( sport = :$1 )"
"""

SETTLED = 300
"""Milliseconds without a byte either way after which a connection whose last word was the server's is idle."""


@dataclass(frozen=True)
class InFlight:
    """What a color is doing at a place.

    + connections: busy ones to its port; at a balancer, all that carry a request or a stream
    + requests: in PHP-FPM, or in the service that answers everything, waiting ones included
    + streams: connections of its other services, such as WebSockets, whether anything flows or not
    """

    connections: int
    requests: int = 0
    streams: int = 0

    @property
    def quiet(self) -> bool:
        return self.connections == 0 and self.requests == 0 and self.streams == 0

    @property
    def answered(self) -> bool:
        """Nothing but streams is left. They make their own connections busy whenever something flows."""
        return self.requests == 0 and self.connections <= self.streams


def busy(connection: str) -> bool:
    """Whether a connection carries a request, from its line of ``ss -HtniO`` on the server's side.

    Idle: nothing is queued either way, the last byte was sent rather than received (so the answer is out), and
    that was a while ago. A connection on which nothing ever came is idle after that while, too.
    """
    received_queue, sent_queue = connection.split()[:2]
    ages = {key: int(age) for key, age in re.findall(r"\b(lastsnd|lastrcv):(\d+)", connection)}
    sent, received = ages.get("lastsnd", 0), ages.get("lastrcv", 0)
    return received_queue != "0" or sent_queue != "0" or received < sent or sent < SETTLED


class ColorInFlight(FactBase[InFlight | None]):
    """
    Returns what a color is doing on a node, None if the node did not say.

    + directory: where the sockets of the color are
    + port: the color's port
    + main: what answers everything: the FPM's socket, that of a service, or a service's port; empty: only nginx
    + others: ports of its other services
    """

    @override
    def command(self, directory: str, port: int, main: str, others: Sequence[str] = ()) -> StringCommand:
        return script(SCRIPT, directory, str(port), main, *others)

    @override
    def process(self, output: list[str]) -> InFlight:
        connections = [line.removeprefix("connection=") for line in output if line.startswith("connection=")]
        said = pairs(output)
        status_line = said.get("fpm", "")
        status = json.loads(status_line) if status_line.startswith("{") else None
        # the status request itself is an active one; without FPM nothing can be in it
        requests = status["active processes"] - 1 + status["listen queue"] if status else int(said.get("requests", "0"))
        streams = sum(int(count) for key, count in said.items() if key.partition(".")[0] == "streams")
        return InFlight(sum(busy(line) for line in connections), requests, streams)


class KeptConnections(FactBase[int]):
    """
    Returns how many connections to a port are open with nothing on them, None if the node did not say.

    + port: the port
    """

    @override
    def command(self, port: int) -> StringCommand:
        return script(KEPT, str(port))

    @override
    def process(self, output: list[str]) -> int:
        # the first line says that the rest is an answer
        return sum(not busy(line) for line in output[1:])

    @staticmethod
    @override
    def default() -> Any:
        return None

"""Read the requests and streams that a color still serves on a node."""

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

KEPT = read("facts/kept.sh")

SETTLED = 300
"""Milliseconds after which a connection counts as idle if the server sent the last byte and no byte followed."""


@dataclass(frozen=True)
class InFlight:
    """The work that a color does at a place.

    + connections: number of busy connections to its port; at a balancer, of all that carry a request or a stream
    + requests: number of requests, including waiting ones, in PHP-FPM or in the service that answers all requests
    + streams: number of connections to its other services, such as WebSockets, whether bytes flow or not
    """

    connections: int
    requests: int = 0
    streams: int = 0

    @property
    def quiet(self) -> bool:
        return self.connections == 0 and self.requests == 0 and self.streams == 0

    @property
    def answered(self) -> bool:
        """Say whether only streams are left. While bytes flow, a stream makes its own connection count as busy."""
        return self.requests == 0 and self.connections <= self.streams


def busy(connection: str) -> bool:
    """Say whether a connection carries a request, from its line of ``ss -HtniO`` on the server's side.

    A connection is idle if no byte is queued in either direction, the last byte was sent rather than received (so the
    answer is complete), and SETTLED milliseconds have passed since. A connection that never had a request is idle after
    SETTLED milliseconds, too.
    """
    received_queue, sent_queue = connection.split()[:2]
    ages = {key: int(age) for key, age in re.findall(r"\b(lastsnd|lastrcv):(\d+)", connection)}
    sent, received = ages.get("lastsnd", 0), ages.get("lastrcv", 0)
    return received_queue != "0" or sent_queue != "0" or received < sent or sent < SETTLED


class ColorInFlight(FactBase[InFlight | None]):
    """
    Returns the work that a color does on a node; None if the node did not answer.

    + directory: directory of the color's sockets
    + port: the color's port
    + main: socket of the FPM, or socket or port of the service, that answers all requests; empty if only nginx runs
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
        # the status request itself is active and is subtracted; without FPM, there are no requests in FPM
        requests = status["active processes"] - 1 + status["listen queue"] if status else int(said.get("requests", "0"))
        streams = sum(int(count) for key, count in said.items() if key.partition(".")[0] == "streams")
        return InFlight(sum(busy(line) for line in connections), requests, streams)


class KeptConnections(FactBase[int]):
    """
    Returns the number of idle open connections to a port; None if the node did not answer.

    + port: the port
    """

    @override
    def command(self, port: int) -> StringCommand:
        return script(KEPT, str(port))

    @override
    def process(self, output: list[str]) -> int:
        # the first line proves that the script ran
        return sum(not busy(line) for line in output[1:])

    @staticmethod
    @override
    def default() -> Any:
        return None

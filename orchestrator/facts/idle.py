"""Count the requests and streams that a color still serves on a node."""

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
    """The requests and streams that a color serves at a place: a node or a balancer.

    + connections: number of busy connections to the color's port; at a balancer, number of connections to the color
      that carry a request or a stream
    + requests: number of requests in PHP-FPM or in the service that answers all requests; waiting requests count, too
    + streams: number of connections to the color's other services, such as WebSockets, whether bytes flow or not
    """

    connections: int
    requests: int = 0
    streams: int = 0

    @property
    def quiet(self) -> bool:
        return self.connections == 0 and self.requests == 0 and self.streams == 0

    @property
    def answered(self) -> bool:
        """Return whether no request is left. Streams may be left.

        A stream in which bytes flow also counts as a busy connection, so there may be as many busy connections as
        streams.
        """
        return self.requests == 0 and self.connections <= self.streams


def busy(connection: str) -> bool:
    """Return whether a connection carries a request, or bytes that still flow.

    A connection carries nothing, and counts as idle, if no byte is queued in either direction, the server has sent the
    last byte (so the answer is complete), and SETTLED milliseconds have passed since then. A connection that never had
    a request is also idle after SETTLED milliseconds.

    + connection: the line of the connection in the output of ``ss -HtniO`` on the server's side
    """
    received_queue, sent_queue = connection.split()[:2]
    ages = {key: int(age) for key, age in re.findall(r"\b(lastsnd|lastrcv):(\d+)", connection)}
    sent, received = ages.get("lastsnd", 0), ages.get("lastrcv", 0)
    return received_queue != "0" or sent_queue != "0" or received < sent or sent < SETTLED


class ColorInFlight(FactBase[InFlight | None]):
    """
    Returns the requests and streams that a color serves on a node; None if the node did not answer.

    + directory: directory of the color's sockets
    + port: the color's port
    + main: where the program that answers all requests listens: socket of PHP-FPM, or socket or port of the service;
      empty if only nginx runs
    + others: ports of the color's other services. Services that listen on sockets in ``directory`` are counted without
      being named.
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
        # subtract the status request itself, which PHP-FPM counts; without PHP-FPM, the script counts the requests
        requests = status["active processes"] - 1 + status["listen queue"] if status else int(said.get("requests", "0"))
        streams = sum(int(count) for key, count in said.items() if key.partition(".")[0] == "streams")
        return InFlight(sum(busy(line) for line in connections), requests, streams)


class KeptConnections(FactBase[int]):
    """
    Returns the number of connections to a port that are open, but idle; None if the node did not answer.

    + port: the port
    """

    @override
    def command(self, port: int) -> StringCommand:
        return script(KEPT, str(port))

    @override
    def process(self, output: list[str]) -> int:
        # the first line only proves that the script ran
        return sum(not busy(line) for line in output[1:])

    @staticmethod
    @override
    def default() -> Any:
        return None

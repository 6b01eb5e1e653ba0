"""Count the requests and streams that a color still serves on a node, and list the open connections to a port."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import pairs, question
from orchestrator.scripts.files import read

SCRIPT = read("facts/in_flight.sh")

CONNECTIONS = read("facts/open_connections.sh")

SETTLED = 300
"""Milliseconds without any byte on a connection, after which the connection may count as idle.

The connection counts as idle only if the server sent the last byte, or if no byte was sent at all.
"""


@dataclass(frozen=True)
class InFlight:
    """The numbers of open requests and streams of a color, counted on a node or at a balancer.

    + connections: on a node, number of busy connections to the color's port (the function ``busy`` says which
      connections are busy). At a balancer, number of connections to the color that carry a request or a stream
    + requests: number of requests in PHP-FPM, or in the service that answers all requests. Requests that wait in a
      queue are included
    + streams: number of open connections to the color's other services, such as WebSocket servers. Connections without
      traffic are included
    + idle: number of connections to the color's port that are not busy. 0 at a balancer
    """

    connections: int
    requests: int = 0
    streams: int = 0
    idle: int = 0

    @property
    def quiet(self) -> bool:
        return self.connections == 0 and self.requests == 0 and self.streams == 0

    @property
    def answered(self) -> bool:
        """Return whether no request is open. Streams may still be open.

        A stream that carries data is counted twice: in ``streams`` and in ``connections``. Therefore a request is open
        only if ``requests`` is not 0, or if ``connections`` is larger than ``streams``.
        """
        return self.requests == 0 and self.connections <= self.streams


def busy(connection: str) -> bool:
    """Return whether a connection is busy: whether it carries a request or an answer.

    A connection is idle, and not busy, if all of this is true:

    * No byte is queued in either direction.
    * The last byte on the connection was sent by the server, so that the answer is complete. A connection on which no
      byte was sent is also fine.
    * Since this byte, or since the connection was opened, SETTLED milliseconds have passed.

    + connection: the line about the connection that ``ss -HtniO`` printed on the server's host
    """
    received_queue, sent_queue = connection.split()[:2]
    ages = {key: int(age) for key, age in re.findall(r"\b(lastsnd|lastrcv):(\d+)", connection)}
    sent, received = ages.get("lastsnd", 0), ages.get("lastrcv", 0)
    return received_queue != "0" or sent_queue != "0" or received < sent or sent < SETTLED


class ColorInFlight(Fact[InFlight]):
    """
    Returns the requests and streams that a color serves on a node; None if the node did not answer.

    + user: deploy user, who can change the directory of the color's sockets
    + directory: directory of the color's sockets
    + port: the color's port
    + listens: beginning of a path. With the name of a service appended, it is the path of the file in which the color's
      release says where the service listens. If there are such files, the ports in ``main`` and ``others`` are ignored,
      because the ports of the release may differ from the ports in the settings.
    + service: name of the service that answers all requests; empty if there is no such service
    + main: the socket of PHP-FPM, or the socket or port of the service that answers all requests; empty if only nginx
      runs
    + others: ports of the color's other services. Services that listen on a socket in ``directory`` need not be named,
      because the fact counts the connections to all sockets there.
    """

    @override
    def command(
        self, user: str, directory: str, port: int, listens: str, service: str, main: str, others: Sequence[str] = ()
    ) -> StringCommand:
        return question(SCRIPT, directory, str(port), listens, service, main, *others, user=user)

    @override
    def parse(self, output: list[str]) -> InFlight:
        connections = [line.removeprefix("connection=") for line in output if line.startswith("connection=")]
        said = pairs(output)
        status_line = said.get("fpm", "")
        status = json.loads(status_line) if status_line.startswith("{") else None
        # subtract the status request itself, which PHP-FPM counts; without PHP-FPM, the script counts the requests
        requests = status["active processes"] - 1 + status["listen queue"] if status else int(said.get("requests", "0"))
        streams = sum(int(count) for key, count in said.items() if key.partition(".")[0] == "streams")
        at_work = sum(busy(line) for line in connections)
        return InFlight(at_work, requests, streams, len(connections) - at_work)


class OpenConnections(Fact[frozenset[str]]):
    """
    Returns the addresses of the clients that have an open connection to a port, each with the client's port.

    + port: the port
    """

    @override
    def command(self, port: int) -> StringCommand:
        return question(CONNECTIONS, str(port))

    @override
    def parse(self, output: list[str]) -> frozenset[str]:
        # the first line only proves that the script ran
        return frozenset(line.split()[3] for line in output[1:])

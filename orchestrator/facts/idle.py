"""Whether a color is still answering anybody on a node."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.facts.script import pairs, script

# PHP-FPM counts what it works on; what is on its way to it, or from nginx to the client, is seen at the
# connections to the color's port. Balancers keep idle ones open, and those harm nobody.
SCRIPT = r"""
socket=$1 port=$2
ss -HtniO state established "( sport = :$port )" | sed 's/^/connection=/'
status=$(env -i SCRIPT_NAME=/fpm-status SCRIPT_FILENAME=/fpm-status REQUEST_METHOD=GET QUERY_STRING=json \
    /usr/bin/cgi-fcgi -bind -connect "$socket" 2>/dev/null | tail -n 1)
echo "fpm=$status"
"""

SETTLED = 300
"""Milliseconds without a byte either way after which a connection whose last word was the server's is idle."""


@dataclass(frozen=True)
class InFlight:
    """What a color is doing on a node: busy connections to its port, requests in PHP-FPM (waiting ones included)."""

    connections: int
    requests: int

    @property
    def quiet(self) -> bool:
        return self.connections == 0 and self.requests == 0


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

    + socket: the color's FPM socket
    + port: the color's port
    """

    @override
    def command(self, socket: str, port: int) -> StringCommand:
        return script(SCRIPT, socket, str(port))

    @override
    def process(self, output: list[str]) -> InFlight:
        connections = [line.removeprefix("connection=") for line in output if line.startswith("connection=")]
        status_line = pairs(output).get("fpm", "")
        status = json.loads(status_line) if status_line.startswith("{") else None
        # the status request itself is an active one; without FPM nothing can be in it
        requests = status["active processes"] - 1 + status["listen queue"] if status else 0
        return InFlight(sum(busy(line) for line in connections), requests)

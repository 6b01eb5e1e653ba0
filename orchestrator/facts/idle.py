"""Whether a color is still answering anybody on a node."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.facts.script import pairs, script

# An established connection to the color's port is a request in flight, or one that a balancer keeps open
# for a second or two: provisioning makes the balancers let idle ones go soon, and stream request bodies.
SCRIPT = r"""
socket=$1 port=$2
echo "connections=$(ss -Htn state established "( sport = :$port )" | wc -l)"
status=$(env -i SCRIPT_NAME=/fpm-status SCRIPT_FILENAME=/fpm-status REQUEST_METHOD=GET QUERY_STRING=json \
    /usr/bin/cgi-fcgi -bind -connect "$socket" 2>/dev/null | tail -n 1)
echo "fpm=$status"
"""


@dataclass(frozen=True)
class InFlight:
    """What a color is doing on a node: connections to its port, requests in PHP-FPM (waiting ones included)."""

    connections: int
    requests: int

    @property
    def quiet(self) -> bool:
        return self.connections == 0 and self.requests == 0


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
        said = pairs(output)
        status = json.loads(said["fpm"]) if said.get("fpm", "").startswith("{") else None
        # the status request itself is an active one; without FPM nothing can be in it
        requests = status["active processes"] - 1 + status["listen queue"] if status else 0
        return InFlight(int(said["connections"]), requests)

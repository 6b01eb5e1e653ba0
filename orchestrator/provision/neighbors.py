"""The other applications that nginx on a host serves.

All applications on a host share the nginx of the distribution. A reload of nginx for one application loses a request of
another application if the request arrives on an idle connection, because nginx closes the idle connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.errors import CommandFailed, NotYet
from orchestrator.facts.base import Fact
from orchestrator.facts.idle import OpenConnections
from orchestrator.fleet import Fleet
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded
from orchestrator.waiting import until

KEPT = 80.0
"""Seconds after the last answer on a connection, within which nginx closes the idle connection.

The number is the ``keepalive_timeout`` of nginx (75 s) and a margin.
"""

INTERVAL = 0.25
"""Seconds between two checks whether idle connections are left."""

SECONDS = 30
"""Seconds that the script may take."""


class NeighborPorts(Fact[list[int]]):
    """
    Returns the ports at which nginx listens for other applications.

    + app: name of the deployment (``Settings.name``) whose own ports are left out
    """

    default = list

    @override
    def command(self, app: str) -> StringCommand:
        return question(read("provision/neighbors.sh"), app, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> list[int]:
        return [int(line) for line in output if line.isdigit()]


def ports(fleet: Fleet, host: Host) -> list[int]:
    """Return the ports at which nginx on the current host listens for other applications."""
    found: list[int] = fleet.look(host, NeighborPorts, app=fleet.settings.name)
    return found


def mark(fleet: Fleet, host: Host, verb: str) -> None:
    """Begin or end a mode in which nginx on the current host ends each connection after the next answer.

    The mode has an effect only on the connections of the other applications on the host.

    + verb: ``on`` to begin the mode, ``off`` to end the mode
    """
    fleet.shell(host, guarded(read("provision/last.sh"), [verb, fleet.settings.name], None))


def until_let_go(fleet: Fleet, host: Host, listening: Sequence[int], limit: float = KEPT) -> None:
    """Wait until the present connections to nginx on the current host have ended, at most ``limit`` seconds.

    To be called when nginx already ends each connection after the next answer. Later connections do not count, because
    nginx ends them in this way. Each present connection counts, also if a request is in flight on the connection. nginx
    may have promised to keep this connection, and then the client may send its next request at the moment of the
    reload. If present connections are left after ``limit`` seconds, the function returns without an error.

    + listening: the ports of nginx whose connections count
    + limit: the default is `KEPT` (80 seconds)
    """

    def connections() -> set[tuple[int, str]]:
        return {(port, client) for port in listening for client in fleet.look(host, OpenConnections, port=port)}

    left = connections()

    def ask() -> None:
        left.intersection_update(connections() if left else ())
        if left:
            raise NotYet("connections are kept")

    with suppress(CommandFailed):
        until(ask, limit, INTERVAL)


@contextmanager
def let_go(fleet: Fleet, host: Host, listening: Sequence[int]) -> Iterator[None]:
    """End the idle connections of the other applications on the current host, so that nginx can be reloaded.

    The ``with`` block reloads nginx. While the block runs, nginx closes each connection of a client of another
    application after the next answer.

    + listening: the ports at which nginx listens for the other applications; if there are none, do nothing
    """
    if not listening:
        yield
        return
    try:
        mark(fleet, host, "on")
        until_let_go(fleet, host, listening)
        yield
    finally:
        mark(fleet, host, "off")

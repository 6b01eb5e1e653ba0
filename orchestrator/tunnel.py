"""Forward connections from the operator's machine through the SSH connection of a host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent
from gevent.server import StreamServer
from paramiko import SSHException
from pyinfra.api.host import Host

from orchestrator.connection.connector import transport_of

CHUNK = 65536
"""The largest number of bytes that are forwarded at once."""


@contextmanager
def tunnel(host: Host, target: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """Forward connections to a local port through a host, during the ``with`` block. Yield the local address and port.

    Only this machine can connect to the port. If pyinfra does not use SSH for the host, yield ``target`` itself.

    + target: address and port, as the host reaches them
    """
    transport = transport_of(host)
    if transport is None:
        yield target
        return

    def forward(client: Any, address: tuple[str, int]) -> None:
        try:
            channel = transport.open_channel("direct-tcpip", target, address)
        except (SSHException, OSError, EOFError):
            client.close()
            return
        ways = [gevent.spawn(_copy, client, channel), gevent.spawn(_copy, channel, client)]
        gevent.joinall(ways, count=1)
        channel.close()
        client.close()
        gevent.joinall(ways)

    server = StreamServer(("127.0.0.1", 0), forward)
    server.start()
    try:
        yield "127.0.0.1", int(server.server_port)
    finally:
        server.stop(timeout=1)


def _copy(source: Any, destination: Any) -> None:
    """Copy all bytes from one socket to another, until one of them is closed."""
    with suppress(OSError, EOFError):
        while data := source.recv(CHUNK):
            destination.sendall(data)

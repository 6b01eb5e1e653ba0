"""What inventory files take from `orchestrator.inventory`."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from orchestrator.inventory import PATIENCE


class Proxy:
    """A command that reaches a server, in place of a socket."""

    def settimeout(self, timeout: float) -> None:
        """Do nothing, because nothing is read."""


def test_a_login_sends_each_packet_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        assert not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert PATIENCE["transport_factory"](connection, gss_kex=False).sock is connection
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("proxy", [Proxy(), socket.socketpair()[0]])
def test_a_login_through_a_proxy_needs_no_tcp(proxy: Any) -> None:
    assert PATIENCE["transport_factory"](proxy, gss_kex=False).sock is proxy

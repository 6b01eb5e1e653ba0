"""One GET on a connection of its own, without an event loop."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping

from orchestrator.probe.answer import Answer
from orchestrator.probe.url import Url


def get(
    url: Url, headers: Mapping[str, str], tls: ssl.SSLContext | None, timeout: float, address: str | None = None
) -> Answer:
    """The answer, without its body. OSError or http.client.HTTPException if there is none.

    + tls: None for plain HTTP
    + timeout: seconds that the server may be silent
    + address: IP address to connect to instead of looking up the URL's host
    """
    connection = http.client.HTTPConnection(url.host, url.port)
    with contextlib.closing(connection):
        connection.sock = _connect(url, tls, timeout, address)
        named = {"Host": url.authority, "Connection": "close", **headers}
        connection.request("GET", url.path or "/", headers=named)
        answer = connection.getresponse()
        answer.read()
        return Answer(status=answer.status, release=answer.getheader("X-Release") or None)


def _connect(url: Url, tls: ssl.SSLContext | None, timeout: float, address: str | None) -> socket.socket:
    plain = socket.create_connection((address or url.host, url.port), timeout)
    if tls is None:
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname=url.sni)
    except BaseException:
        plain.close()
        raise

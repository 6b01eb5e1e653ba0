"""Send one GET over a new connection, without an event loop."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping

from orchestrator.probe.answer import KEPT, Answer
from orchestrator.probe.tls import naming_http2
from orchestrator.probe.url import Url


def get(
    url: Url,
    headers: Mapping[str, str],
    tls: ssl.SSLContext | None,
    timeout: float,
    address: str | None = None,
    http2: bool = False,
) -> Answer:
    """Send one GET and return the answer. With HTTP/1.1, only the fields `status` and `release` of the answer are set.

    Raises OSError, EOFError or http.client.HTTPException if no complete answer arrives.

    + headers: name -> value of more headers; Host and Connection are set by this function
    + tls: settings of TLS; None for plain HTTP
    + timeout: with HTTP/1.1, the longest time that each wait for bytes may take, in seconds. With HTTP/2, the longest
      time until the answer is complete, because otherwise an HTTP/2 server could prolong the wait by control frames.
    + address: IP address to connect to; None: look up the URL's host
    + http2: True for HTTP/2, which needs TLS; False for HTTP/1.1
    """
    path, named = url.path or "/", {"Host": url.authority, "Connection": "close", **headers}
    with contextlib.closing(_connect(url, tls, timeout, address, http2)) as connection:
        return _http2(connection, path, named, timeout) if http2 else _http1(connection, path, named)


def _connect(url: Url, tls: ssl.SSLContext | None, timeout: float, address: str | None, http2: bool) -> socket.socket:
    plain = socket.create_connection((address or url.host, url.port), timeout)
    if tls is None:
        return plain
    try:
        with naming_http2() if http2 else contextlib.nullcontext():
            return tls.wrap_socket(plain, server_hostname=url.sni)
    except BaseException:
        plain.close()
        raise


def _http1(connection: socket.socket, path: str, headers: Mapping[str, str]) -> Answer:
    asker = http.client.HTTPConnection("")  # needs no host: the socket is connected and the Host header is given
    asker.sock = connection
    with contextlib.closing(asker):
        asker.request("GET", path, headers=dict(headers))
        answer = asker.getresponse()
        answer.read()
        return Answer(status=answer.status, release=answer.getheader("X-Release") or None)


def _http2(connection: socket.socket, path: str, headers: Mapping[str, str], timeout: float) -> Answer:
    from orchestrator.probe.exchange import Exchange, agreed  # imported here, since h2 takes 40 ms to import

    assert isinstance(connection, ssl.SSLSocket)
    agreed(connection.selected_alpn_protocol())
    until = time.monotonic() + timeout
    exchange = Exchange()
    exchange.request("GET", path, headers.items())
    answer = None
    while answer is None:
        connection.sendall(exchange.outgoing())
        connection.settimeout(max(until - time.monotonic(), 0.001))
        data = connection.recv(KEPT)
        if not data:
            raise EOFError("closed before the end of an answer")
        answer = exchange.receive(data)
    return answer

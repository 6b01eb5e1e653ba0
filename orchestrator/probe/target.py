"""A server that the probe sends requests to: its addresses, its TLS settings, and the name in the Host header."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field

from orchestrator.probe.tls import context
from orchestrator.probe.url import is_address, read

NAMES_KEPT = 5.0
"""Seconds after which the IP addresses of a host name are looked up again.

The IP addresses may change, for example those of a load balancer in a cloud.
"""


@dataclass
class Target:
    """A server that the probe sends requests to.

    + origin: name of the server in the report, ``http://host:port``
    + host, port: host and port to connect to
    + authority: value of the Host header
    + sni: host name for TLS. The client sends this name as SNI, and the certificate must have this name
    + path: path and query of the URL; empty if the URL has no path and no query
    + tls: settings of TLS; None for plain HTTP
    + http2: True for HTTP/2, False for HTTP/1.1
    """

    origin: str
    host: str
    port: int
    authority: str
    sni: str = ""
    path: str = ""
    tls: ssl.SSLContext | None = None
    http2: bool = False
    _found: list[str] = field(default_factory=list, repr=False)
    _until: float = field(default=0.0, repr=False)

    async def addresses(self) -> list[str]:
        """Return the IP addresses of the host, in the order in which a client should try to connect.

        A result is reused for NAMES_KEPT seconds. Raises OSError (``gaierror``) if the host name is unknown.
        """
        if time.monotonic() >= self._until:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self._found = list(dict.fromkeys(str(info[4][0]) for info in found))
            self._until = time.monotonic() + NAMES_KEPT
        return self._found


def parse(url: str, *, host: str | None = None, ca: str | None = None, http2: bool = False) -> Target:
    """Return the target that a URL names.

    + host: name for the Host header and for TLS (SNI and certificate); None: the URL's host
    + ca: file of certificates to trust; None: the system's certificates
    + http2: True for HTTP/2, which needs an https URL; False for HTTP/1.1

    Raises UsageError in these cases: the URL is not a valid http or https URL, the URL has a user name, ``http2`` is
    True and the URL is not https, or the file of certificates cannot be used.
    """
    where = read(url, host, http2)
    target = Target(
        origin=where.origin,
        host=where.host,
        port=where.port,
        authority=where.authority,
        sni=where.sni,
        path=where.path,
        tls=context(ca, http2) if where.secure else None,
        http2=http2,
    )
    if is_address(where.host):
        target._found, target._until = [where.host], float("inf")  # noqa: SLF001 (its own class)
    return target

"""The server that the probe sends requests to: its addresses, its TLS settings, and the name in the Host header."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field

from orchestrator.probe.tls import context
from orchestrator.probe.url import is_address, read

NAMES_KEPT = 5.0
"""Seconds after which a host name is looked up again, because load balancers in a cloud change their addresses."""


@dataclass
class Target:
    """A server that requests are sent to.

    + origin: the server's name in the report, ``http://host:port``
    + host, port: host and port to connect to
    + authority: value of the Host header
    + sni: host name for TLS: the name that is sent as SNI and that the certificate must have
    + path: path and query of the URL; empty if the URL has neither
    + tls: settings of TLS; None for plain HTTP
    + http2: whether to speak only HTTP/2 instead of HTTP/1.1
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
        """Return the IP addresses of the host, in the order in which a client should try them.

        Raises OSError (``gaierror``) if the host name is unknown.
        """
        if time.monotonic() >= self._until:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self._found = list(dict.fromkeys(str(info[4][0]) for info in found))
            self._until = time.monotonic() + NAMES_KEPT
        return self._found


def parse(url: str, *, host: str | None = None, ca: str | None = None, http2: bool = False) -> Target:
    """Return the target that a URL names.

    Raises UsageError if the URL is not a valid http or https URL or has a user name, if ``http2`` is set for a URL that
    is not https, or if the CA file cannot be used.

    + host: name for the Host header and for TLS (SNI and certificate); None: the URL's host
    + ca: file of certificates to trust, instead of the system's
    + http2: whether to speak HTTP/2 instead of HTTP/1.1; only for https URLs
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

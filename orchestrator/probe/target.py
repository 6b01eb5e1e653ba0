"""The server that requests go to: its addresses, its TLS settings, and the name to ask for."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field

from orchestrator.probe.tls import context
from orchestrator.probe.url import is_address, read

NAMES_KEPT = 5.0
"""Seconds after which a name is looked up again, since balancers in a cloud change their addresses."""


@dataclass
class Target:
    """A server, as clients reach it.

    + origin: the server's name in the report, ``http://host:port``
    + authority: value of the Host header
    + path: path and query of the URL; empty if the URL has neither
    + sni: name that the certificate must have
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
        """Return the IP addresses, to be tried in turn. Raises OSError (``gaierror``) if the name is unknown."""
        if time.monotonic() >= self._until:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self._found = list(dict.fromkeys(str(info[4][0]) for info in found))
            self._until = time.monotonic() + NAMES_KEPT
        return self._found


def parse(url: str, *, host: str | None = None, ca: str | None = None, http2: bool = False) -> Target:
    """Make the target for a URL.

    Raises UsageError if the URL is not http or https, if HTTP/2 is wanted without https, or if the CA file cannot be
    used.

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

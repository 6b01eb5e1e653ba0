"""Where to send requests: an address, TLS, the name to ask for."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orchestrator.errors import UsageError

NAMES_KEPT = 5.0
"""Seconds until a name is looked up again: balancers in a cloud change their addresses."""


@dataclass
class Target:
    """One server as clients reach it.

    + origin: as the report names it, ``http://host:port``
    + authority: the Host header
    + path: path and query of the URL, empty if it has none
    """

    origin: str
    host: str
    port: int
    authority: str
    sni: str = ""
    path: str = ""
    tls: ssl.SSLContext | None = None
    _found: list[str] = field(default_factory=list, repr=False)
    _until: float = field(default=0.0, repr=False)

    async def addresses(self) -> list[str]:
        """Addresses to try in turn; OSError (``gaierror``) if the name is not known."""
        if time.monotonic() >= self._until:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self._found = list(dict.fromkeys(str(info[4][0]) for info in found))
            self._until = time.monotonic() + NAMES_KEPT
        return self._found


def parse(url: str, *, host: str | None = None, ca: str | None = None) -> Target:
    """A target from its URL. UsageError if it is not an http or https URL, or the CA file cannot be used.

    + host: name for the Host header and for TLS (SNI and certificate), instead of the URL's
    + ca: file of certificates to trust, instead of the system's
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is not a URL of the form http://host[:port] or https://host[:port]")
    if parts.username is not None:
        raise UsageError("user and password in a URL are not supported")
    if any(not "!" <= letter <= "~" for letter in url):
        raise UsageError(f"{url!r} holds a character that a URL cannot hold")
    authority = host or parts.netloc
    target = Target(
        origin=f"{parts.scheme}://{parts.netloc}",
        host=parts.hostname,
        port=port,
        authority=authority,
        sni=(urlsplit(f"//{authority}").hostname or parts.hostname),
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
        tls=_context(ca) if parts.scheme == "https" else None,
    )
    if _literal(parts.hostname):
        target._found, target._until = [parts.hostname], float("inf")
    return target


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"CA file {ca}: {error}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context

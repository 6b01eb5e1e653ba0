"""What a URL says about where to connect and which name to ask for. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.errors import UsageError

LABEL = 63
"""The most letters between two dots of a name."""


@dataclass(frozen=True)
class Url:
    """The parts of a URL.

    + origin: as a report names it, ``http://host:port``
    + secure: https
    + host, port: where to connect
    + authority: the Host header
    + sni: the name that the certificate must have
    + path: path and query, empty if it has none
    """

    origin: str
    secure: bool
    host: str
    port: int
    authority: str
    sni: str
    path: str


def read(url: str, host: str | None = None, http2: bool = False) -> Url:
    """UsageError, one line, if it is not an http or https URL.

    + host: name, with a port if need be, for the Host header and for TLS (SNI and certificate), instead of the URL's
    + http2: HTTP/2 is wanted, which is for https only: servers say by TLS that they speak it
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
    if http2 and parts.scheme != "https":
        raise UsageError(f"{url}: HTTP/2 is for https only")
    authority = host or parts.netloc
    sni = _name(authority) or parts.hostname
    for name in (parts.hostname, sni):
        if not is_address(name) and not all(0 < len(label) <= LABEL for label in name.removesuffix(".").split(".")):
            raise UsageError(f"{name!r} is not a name that a server can have")
    return Url(
        origin=f"{parts.scheme}://{parts.netloc}",
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=port,
        authority=authority,
        sni=sni,
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
    )


def is_address(host: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _name(authority: str) -> str | None:
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError as error:
        raise UsageError(f"{authority!r} is not a name with or without a port: {error}") from None

"""Find out from a URL which host and port to connect to, and which host name to send. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.errors import UsageError

LABEL = 63
"""The largest number of characters in a part of a host name. Dots separate the parts."""


@dataclass(frozen=True)
class Url:
    """The parts of a URL.

    + origin: name of the server in a report, ``http://host:port``
    + secure: whether the URL is https
    + host, port: host and port to connect to
    + authority: value of the Host header
    + sni: host name for TLS. The client sends this name as SNI, and the certificate must have this name
    + path: path and query; empty if the URL has no path and no query
    """

    origin: str
    secure: bool
    host: str
    port: int
    authority: str
    sni: str
    path: str


def read(url: str, host: str | None = None, http2: bool = False) -> Url:
    """Parse a URL. Raises UsageError if the URL is not a valid http or https URL, or if the URL has a user name.

    + host: name, optionally with a port, for the Host header and for TLS (SNI and certificate); None: the URL's host
    + http2: whether the client will use HTTP/2. HTTP/2 needs https, so a plain http URL then raises UsageError
    """
    # the first check, because all other messages show the URL
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise UsageError("the URL has a user and a password, which are not supported: remove them")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is not a URL of the form http://host[:port] or https://host[:port]")
    if any(not "!" <= letter <= "~" for letter in url):
        raise UsageError(
            f"{url!r} has a character that is not allowed in a URL: write the character as % and two hexadecimal digits"
        )
    if http2 and parts.scheme != "https":
        raise UsageError(f"{url}: HTTP/2 is for https only: use an https URL, or HTTP/1.1")
    authority = host or parts.netloc
    sni = _name(authority) or parts.hostname
    for name in (parts.hostname, sni):
        if not is_address(name) and not all(0 < len(label) <= LABEL for label in name.removesuffix(".").split(".")):
            raise UsageError(f"{name!r} is not a valid host name")
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
    """Return whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _name(authority: str) -> str | None:
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError as error:
        raise UsageError(f"{authority!r} is not a host name with an optional port: {error}") from None

"""TLS as a client of the switch speaks it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.probe.lost import NotHttp2


@lru_cache(maxsize=16)  # the system's certificates take 10 ms and more to read
def context(ca: str | None = None, http2: bool = False) -> ssl.SSLContext:
    """Certificates and names are checked. UsageError if the file cannot be used.

    + ca: file of certificates to trust, instead of the system's
    + http2: offer it by ALPN, before HTTP/1.1, as browsers do; which it is to be is the server's to choose
    """
    try:
        made = ssl.create_default_context(cafile=str(Path(ca).expanduser()) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"CA file {ca}: {error}") from None
    made.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return made


@contextlib.contextmanager
def naming_http2() -> Iterator[None]:
    """While connecting for HTTP/2: a server that ends the handshake over ALPN does not speak it (NotHttp2)."""
    try:
        yield
    except ssl.SSLError as error:
        if "no application protocol" not in str(error):
            raise
        raise NotHttp2("the server speaks neither HTTP/2 nor HTTP/1.1: it refused both by ALPN") from None

"""TLS settings for the connections of the probe."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.probe.lost import NotHttp2


@lru_cache(maxsize=16)  # reading the system's certificates takes 10 ms and more
def context(ca: str | None = None, http2: bool = False) -> ssl.SSLContext:
    """Return a TLS context that checks certificates and host names.

    + ca: file of certificates to trust; None: the system's certificates
    + http2: True to offer HTTP/2 and HTTP/1.1 to the server (by ALPN), as browsers do; False to offer only HTTP/1.1.
      The server chooses one of the offered protocols

    Raises UsageError if the file of certificates cannot be used.
    """
    try:
        made = ssl.create_default_context(cafile=str(Path(ca).expanduser()) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"CA file {ca} cannot be used: {error}: name a PEM file with CA certificates") from None
    made.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return made


@contextlib.contextmanager
def naming_http2() -> Iterator[None]:
    """Raise NotHttp2 if a server refuses the TLS handshake in the ``with`` block for lack of a common protocol.

    In the handshake, the client offers HTTP/2 and HTTP/1.1 by ALPN. A server that supports neither of the two may
    refuse the handshake. All other errors are raised as they are.
    """
    try:
        yield
    except ssl.SSLError as error:
        if "no application protocol" not in str(error):
            raise
        raise NotHttp2("the server speaks neither HTTP/2 nor HTTP/1.1: it refused both by ALPN") from None

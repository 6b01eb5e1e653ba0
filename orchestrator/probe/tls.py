"""TLS as a client of the switch speaks it."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from orchestrator.errors import UsageError


@lru_cache(maxsize=16)  # the system's certificates take 10 ms and more to read
def context(ca: str | None = None) -> ssl.SSLContext:
    """Certificates and names are checked. UsageError if the file cannot be used.

    + ca: file of certificates to trust, instead of the system's
    """
    try:
        made = ssl.create_default_context(cafile=str(Path(ca).expanduser()) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"CA file {ca}: {error}") from None
    made.set_alpn_protocols(["http/1.1"])
    return made

"""Ways to lose a request that only HTTP/2 has, as the errors that they are in HTTP/1.1."""

from __future__ import annotations

from orchestrator.errors import Internal


class StreamReset(Internal, ConnectionResetError):
    """The server reset this one request, not the connection."""


class GoneAway(Internal, EOFError):
    """The server said that it will not take this request: it is closing the connection."""


class NotHttp2(Internal, OSError):
    """The server does not speak HTTP/2, or not as the standard has it."""

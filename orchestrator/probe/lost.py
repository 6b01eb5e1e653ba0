"""Errors that only HTTP/2 has. Each is a subclass of the built-in error that HTTP/1.1 raises for a similar failure."""

from __future__ import annotations

from orchestrator.errors import Internal


class StreamReset(Internal, ConnectionResetError):
    """The server reset the stream of this request. The connection stays open."""


class GoneAway(Internal, EOFError):
    """The server announced by GOAWAY that it closes the connection and will not answer this request."""


class NotHttp2(Internal, OSError):
    """The server does not speak HTTP/2, or violates the HTTP/2 standard."""

"""Errors that only HTTP/2 has, as subclasses of the matching errors of HTTP/1.1."""

from __future__ import annotations

from orchestrator.errors import Internal


class StreamReset(Internal, ConnectionResetError):
    """The server reset this request, but not the connection."""


class GoneAway(Internal, EOFError):
    """The server sent GOAWAY: it closes the connection and will not answer this request."""


class NotHttp2(Internal, OSError):
    """The server does not speak HTTP/2, or violates its standard."""

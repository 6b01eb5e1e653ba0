"""Errors of HTTP/2 connections. Each class is derived from the built-in exception for a similar HTTP/1.1 failure."""

from __future__ import annotations

from orchestrator.errors import Internal


class StreamReset(Internal, ConnectionResetError):
    """The server ended the stream of a request without an answer (RST_STREAM). The connection stays open."""


class GoneAway(Internal, EOFError):
    """The server announced by a GOAWAY frame that it closes the connection and will not answer a request."""


class NotHttp2(Internal, OSError):
    """The server does not speak HTTP/2, or violates the HTTP/2 standard."""

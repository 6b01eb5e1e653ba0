"""An open HTTP/2 connection over TLS, which carries one request at a time."""

from __future__ import annotations

import asyncio
import time

from typing_extensions import override

from orchestrator.probe.answer import Answer
from orchestrator.probe.dial import dial, let_loop_read, readable
from orchestrator.probe.exchange import Exchange, agreed
from orchestrator.probe.target import Target
from orchestrator.probe.tls import naming_http2


class Link2(asyncio.Protocol):
    """An open HTTP/2 connection, with the same methods as ``link.Link``.

    + first: when the headers of the newest answer arrived, by ``time.monotonic()``; None if they have not arrived
    + last: when the end of the newest answer arrived, by ``time.monotonic()``
    """

    def __init__(self) -> None:
        self.first: float | None = None
        self.last = 0.0
        self._http = Exchange()
        self._lost: Exception | None = None
        self._only = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None

    # Called by the event loop

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._lost is not None:
            return
        try:
            answer = self._http.receive(data)
        except (OSError, EOFError) as error:
            self._lose(error)
            return
        finally:
            if self._http.begun and self.first is None:
                self.first = now
        self._flush()
        if answer is not None:
            self.last = now
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(answer)

    @override
    def eof_received(self) -> None:
        self._lose(EOFError())

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc or EOFError())

    # Called by a client

    async def went_away(self) -> bool:
        """Return whether the idle connection has become unusable for another request.

        The connection is unusable in three cases: the connection was closed, the server announced by a GOAWAY frame
        that it will close the connection, or the last request was not sent completely.
        """
        if not self._gone and readable(self._transport):
            await let_loop_read()
        return self._gone

    def write(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> float:
        """Write one request. Return the time right before writing, by ``time.monotonic()``.

        Raises NotHttp2 if no request can be sent over the connection.

        + headers: name and value of each header, as for HTTP/1.1. If ``Connection: close`` is among them, this header
          is not sent, because HTTP/2 does not have it. Instead, `reuse` returns False after this request.
        """
        self._only = ("Connection", "close") in headers
        self._answer = asyncio.get_running_loop().create_future()
        self.first = None
        self._http.request(method, path, headers, body)
        sent = time.monotonic()
        self._flush()
        if self._lost is not None:
            self._answer.set_exception(self._lost)
        return sent

    async def read(self) -> Answer:
        """Wait until the answer is complete, and return the answer.

        Raises EOFError if the connection ended before the answer was complete, or if the server announced by a GOAWAY
        frame that it will not answer. Raises OSError if the connection failed, if the server reset the request, or if
        the server violated the HTTP/2 standard.
        """
        assert self._answer is not None
        return await self._answer

    def reuse(self) -> bool:
        """Return whether another request can be sent over the connection."""
        return not self._only and not self._gone

    def close(self) -> None:
        """Close the connection at once, without waiting for anything."""
        if self._lost is None:
            self._http.end()
            self._flush()
        self._transport.close()

    @property
    def _gone(self) -> bool:
        return self._lost is not None or self._transport.is_closing() or not self._http.reusable

    def _flush(self) -> None:
        if data := self._http.outgoing():
            self._transport.write(data)

    def _lose(self, error: Exception) -> None:
        if self._lost is None:
            self._lost = error
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(error)


async def connect(target: Target) -> Link2:
    """Connect to the target's first address that accepts a connection.

    Raises OSError if no address accepts a connection, and NotHttp2 (an OSError) if the server does not speak HTTP/2.
    """
    with naming_http2():
        transport, link = await dial(target, Link2)
    try:
        agreed(transport.get_extra_info("ssl_object").selected_alpn_protocol())
    except OSError:
        transport.close()
        raise
    return link

"""One established connection: HTTP/2 over TLS, one request at a time. Errors are raised as they come."""

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
    """A connection that stands; the same to its user as ``link.Link``.

    + first, last: when the head and the end of the newest answer came, by ``time.monotonic()``
    """

    def __init__(self) -> None:
        self.first: float | None = None
        self.last = 0.0
        self._http = Exchange()
        self._lost: Exception | None = None
        self._only = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None

    # What the event loop calls

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

    # What a client calls

    async def went_away(self) -> bool:
        """Whether the idle connection was closed, or the server said that it will be (GOAWAY)."""
        if not self._gone and readable(self._transport):
            await let_loop_read()
        return self._gone

    def write(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> float:
        """Write one request, in HTTP/1.1's headers; returns the instant right before (``time.monotonic()``).

        With ``Connection: close``, which HTTP/2 does not have, the link takes no further request.
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
        """The complete answer. EOFError if the peer closed before its end, or had gone away; OSError."""
        assert self._answer is not None
        return await self._answer

    def reuse(self) -> bool:
        """Make ready for the next request; False if one side does not want another."""
        return not self._only and not self._gone

    def close(self) -> None:
        """Close; nothing is waited for."""
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
    """A new connection to the first of the target's addresses that takes one.

    OSError if none does; NotHttp2, which is one, if the server does not speak HTTP/2.
    """
    with naming_http2():
        transport, link = await dial(target, Link2)
    try:
        agreed(transport.get_extra_info("ssl_object").selected_alpn_protocol())
    except OSError:
        transport.close()
        raise
    return link

"""An open HTTP/1.1 connection that uses the library h11 and asyncio streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import SupportsIndex

import h11
from typing_extensions import override

from orchestrator.probe.answer import KEPT, Answer
from orchestrator.probe.dial import dial, let_loop_read, readable
from orchestrator.probe.target import Target


class _Reader(asyncio.StreamReader):
    """A stream reader that records when the first and the last bytes of an answer arrived.

    The reader takes the time when the event loop receives the bytes. This time is more exact than the time at which the
    coroutine gets the bytes, because the coroutine must wait while the event loop is busy.

    + first: when the first byte of the newest answer arrived, by ``time.monotonic()``; None if no byte has arrived
    + last: when the last bytes arrived, by ``time.monotonic()``
    """

    first: float | None = None
    last: float = 0.0

    @override
    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self.last = time.monotonic()
        if self.first is None:
            self.first = self.last
        super().feed_data(data)


class Link:
    """An open HTTP/1.1 connection.

    + first: when the first byte of the newest answer arrived, by ``time.monotonic()``; None if no byte has arrived
    + last: when the last byte of the newest answer arrived, by ``time.monotonic()``
    """

    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter, encrypted: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._encrypted = encrypted
        self._http = h11.Connection(h11.CLIENT)

    @property
    def first(self) -> float | None:
        return self._reader.first

    @property
    def last(self) -> float:
        return self._reader.last

    async def went_away(self) -> bool:
        """Return whether the idle connection is unusable: the server closed it, or sent bytes without a request.

        With TLS, such bytes are ignored, because they may be messages of TLS itself. This method asks the kernel for
        new bytes, because the event loop may not have read them yet.
        """
        if not self._gone and readable(self._writer.transport):
            if not self._encrypted:
                return True
            await let_loop_read()  # only the loop can tell a message of TLS from the end of the connection
        return self._gone

    @property
    def _gone(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    def write(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> float:
        """Write one request. Return the time right before writing, by ``time.monotonic()``.

        + headers: name and value of each header
        """
        data = self._http.send(h11.Request(method=method, target=path, headers=headers)) or b""
        if body:
            data += self._http.send(h11.Data(data=body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self._reader.first = None
        sent = time.monotonic()
        self._writer.write(data)
        return sent

    async def read(self) -> Answer:
        """Wait until the answer is complete, and return the answer.

        Raises EOFError if the connection ended before the answer was complete. Raises OSError if the connection failed.
        Raises h11.RemoteProtocolError if the answer is not HTTP/1.1.
        """
        head: h11.Response | None = None
        body: bytearray | None = bytearray()
        closed = False
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                if closed:
                    raise EOFError from None
                raise
            if event is h11.NEED_DATA:
                data = await self._reader.read(KEPT)
                closed = not data
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data) and body is not None:
                body += event.data
                body = body if len(body) <= KEPT else None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                extra = bool(self._http.trailing_data[0])
                return _answer(head, None if body is None else bytes(body), extra)
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError

    def reuse(self) -> bool:
        """Prepare the connection for another request, and return True.

        If the client or the server does not allow another request over this connection, return False.
        """
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        """Close the connection at once, without waiting for anything."""
        self._writer.close()


async def connect(target: Target) -> Link:
    """Connect to the target's first address that accepts a connection.

    Raises OSError if no address accepts a connection.
    """
    loop = asyncio.get_running_loop()
    reader = _Reader(limit=KEPT, loop=loop)
    transport, protocol = await dial(target, lambda: asyncio.StreamReaderProtocol(reader, loop=loop))
    return Link(reader, asyncio.StreamWriter(transport, protocol, reader, loop), target.tls is not None)


def _answer(head: h11.Response, body: bytes | None, extra: bool) -> Answer:
    headers = {bytes(name): bytes(value).decode("latin-1") for name, value in head.headers}
    return Answer(
        status=head.status_code,
        release=headers.get(b"x-release") or None,
        color=headers.get(b"x-color") or None,
        node=headers.get(b"x-node") or None,
        content_type=headers.get(b"content-type", ""),
        body=body,
        extra=extra,
    )

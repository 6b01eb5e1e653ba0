"""Small application servers in this process: both colors of some nodes, and clients that count what fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orchestrator.model import Color
from tests.alb.http1 import Broken, Head, read_head


class Origin:
    """One color of one node. Its answers name the color; it can be slow, unhealthy or dead."""

    def __init__(self, color: Color) -> None:
        self.color = color
        self.port = 0
        self.healthy = True
        self.last = 0.0
        """``time.monotonic()`` of the last request that was not a health check; 0 without any."""
        self.in_flight = 0
        self.answered = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Act like a killed process: refuse new connections and reset open ones."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (head := await read_head(reader)) is not None:
                await self._answer(head, reader, writer)
                if not head.keeps:
                    break
        except (Broken, OSError, asyncio.CancelledError):
            # the peer is gone, or the test is over
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = head.start.split(" ")[1]
        if path == "/health":
            self._write(writer, 200 if self.healthy else 503, b"health")
            return
        self.in_flight += 1
        self.last = time.monotonic()
        try:
            if path == "/echo":
                # piece by piece: each piece is sent before the next one arrives
                await self._echo(head, reader, writer)
            elif path == "/stream":
                await self._stream(writer)
            else:
                status = int(path.rpartition("/status/")[2]) if "/status/" in path else 200
                self._write(writer, status, self.color.encode())
            await writer.drain()
        finally:
            self.in_flight -= 1
            self.answered += 1
            self.last = time.monotonic()

    def _write(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        writer.write(
            f"HTTP/1.1 {status} X\r\nX-Color: {self.color}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )

    async def _echo(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nX-Color: {self.color}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        left = head.length or 0
        while left:
            piece = await reader.read(min(left, 65_536))
            if not piece:
                raise Broken("closed within a body")
            left -= len(piece)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        """An answer that takes a second and a half."""
        writer.write(f"HTTP/1.1 200 OK\r\nX-Color: {self.color}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(15):
            writer.write(b"4\r\ntick\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b"0\r\n\r\n")


@dataclass(frozen=True)
class Answer:
    """+ problem: why the answer cannot be used; "" if it can"""

    status: int
    color: str
    body: bytes
    headers: Mapping[str, str]
    keeps: bool


class Client:
    """A client with a kept connection, or one for each request. It returns cookies if it accepts them."""

    def __init__(self, url: str, keeps: bool = True, cookies: bool = False) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._keeps = keeps
        self._cookies = cookies
        self.cookie = ""
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str = "/", method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Raises Broken, OSError, TimeoutError."""
        reader, writer = self._connection or await asyncio.open_connection(*self._address)
        self._connection = None
        try:
            async with asyncio.timeout(20):
                answer = await self._ask(reader, writer, path, method, body, headers)
        except BaseException:
            writer.close()
            raise
        if self._keeps and answer.keeps:
            self._connection = (reader, writer)
        else:
            writer.close()
        if self._cookies and "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        path: str,
        method: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: shop.test"]
        lines += [f"Connection: {'keep-alive' if self._keeps else 'close'}"]
        lines += [f"Content-Length: {len(body)}"] if body else []
        lines += [f"Cookie: {self.cookie}"] if self.cookie else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await read_head(reader)
        if head is None:
            raise Broken("closed without an answer")
        content = b"" if method == "HEAD" else await _content(head, reader)
        return Answer(int(head.start.split(" ")[1]), head.headers.get("x-color", ""), content, head.headers, head.keeps)

    def close(self) -> None:
        if self._connection:
            self._connection[1].close()
            self._connection = None


async def _content(head: Head, reader: asyncio.StreamReader) -> bytes:
    try:
        if not head.chunked:
            return await reader.readexactly(head.length or 0)
        found = b""
        while size := int(await reader.readline(), 16):
            found += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
        return found
    except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
        raise Broken(f"{type(error).__name__}: {error}") from None


@dataclass
class Load:
    """Clients that send one request after another, until they are stopped.

    + answers: by color
    + failures: by kind: a status of 500 or more, or an exception's name
    """

    urls: list[str]
    workers: int = 8
    pause: float = 0.04
    cookies: bool = False
    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    recent: Counter[str] = field(default_factory=Counter)

    @contextlib.asynccontextmanager
    async def running(self):  # type: ignore[no-untyped-def]
        """Run the clients, and one more that only reads slow answers."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._work(number, stop)) for number in range(self.workers)]
        tasks.append(asyncio.create_task(self._work(0, stop, "/stream")))
        try:
            yield self
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _work(self, number: int, stop: asyncio.Event, path: str = "/") -> None:
        client = Client(self.urls[number % len(self.urls)], keeps=number % 2 == 0, cookies=self.cookies)
        while not stop.is_set():
            try:
                answer = await client.get(path)
            except (Broken, OSError, TimeoutError) as error:
                self.failures[type(error).__name__] += 1
            else:
                if answer.status >= 500:
                    self.failures[str(answer.status)] += 1
                else:
                    self.answers[answer.color] += 1
                    self.recent[answer.color] += 1
            await asyncio.sleep(self.pause)
        client.close()


async def until(look: Callable[[], Awaitable[bool]], patience: float, what: str) -> float:
    """Look until the condition is true. Returns the seconds that it took; fails after ``patience`` seconds."""
    began = time.monotonic()
    while not await look():
        assert time.monotonic() - began < patience, f"not within {patience} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def answers(url: str, color: Color, in_a_row: int = 5) -> bool:
    """Whether an address answers from a color ``in_a_row`` times in a row, each time on a new connection."""
    for _ in range(in_a_row):
        answer = await Client(url, keeps=False).get("/")
        if answer.status != 200 or answer.color != color:
            return False
    return True

"""A server that misbehaves on command; the command is the path."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator


class Server:
    """A server in a thread.

    + release: release that its answers name
    + seen: heads of all requests
    + connections: number of accepted connections
    + closed: number of connections that the server has closed
    """

    def __init__(
        self, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0, release: str = "v1"
    ) -> None:
        self.release = release
        self.seen: list[bytes] = []
        self.connections = self.closed = 0
        self._loop = asyncio.new_event_loop()
        self._tls = tls
        self._listener = socket.create_server((address, port))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{address}:{self.port}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self) -> None:
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener, ssl=self._tls))
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()
        end(self._loop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.seen.append(head)
                body = await reader.readexactly(_length(head))
                if not await self._reply(reader, writer, head, body):
                    break
        writer.close()
        if self._tls is None:  # TLS has said goodbye by now, and would wait for the client's
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self.closed += 1

    async def _reply(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes
    ) -> bool:
        """Answer a request. Returns False if the connection must close now."""
        words = head.split(b" ")[1].decode().strip("/").partition("?")[0]
        if words == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if words == "close":
            return False
        if words == "hang":
            await reader.read()
            return False
        if words == "garbage":
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            return False
        if words in ("truncate", "truncate-head", "stall", "truncate-chunks"):
            whole = self._answer(b'{"release": "v1"}')
            if words == "truncate-chunks":
                whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
            writer.write(whole[:20] if words == "truncate-head" else whole[:-1])
            if words == "stall":
                await reader.read()
            return False
        if words == "idle-close":
            writer.write(self._answer(b"{}"))
            await writer.drain()
            await asyncio.sleep(0.05)
            return False
        if words == "hangup-after":
            writer.write(self._answer(b"{}", extra="Connection: close\r\n"))
            return False
        if words == "slow":
            await asyncio.sleep(float(head.split(b" ")[1].partition(b"s=")[2]))
        writer.write(self._said(words, body))
        return True

    def _said(self, words: str, body: bytes) -> bytes:
        if words.isdecimal():
            return self._answer(b"{}", status=int(words))
        match words:
            case "wrong-release":
                return self._answer(b'{"release": "v0"}')
            case "wrong-color":
                return self._answer(b'{"color": "green"}')
            case "not-json":
                return self._answer(b"Warning: something {}")
            case "unmarked":
                return self._answer(b"{}", marked=False)
            case "upload-wrong":
                return self._answer(b'{"size": %d}' % (len(body) - 1))
            case "upload-mute":
                return self._answer(b"<h1>thanks</h1>", kind="text/html")
            case "upload-bare":
                return self._answer(b"%d\n" % len(body), kind="text/plain")
            case "extra":
                return self._answer(b"{}") + b"more"
            case "chunked":
                head = self._answer(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
                return head + b"11\r\n" + b'{"release": "v1"}' + b"\r\n0\r\n\r\n"
            case "big":
                return self._answer(b"x" * 300_000, kind="text/plain")
        return self._answer(b'{"release": "%s", "color": "blue", "size": %d}' % (self.release.encode(), len(body)))

    def _answer(
        self, body: bytes, status: int = 200, kind: str = "application/json", marked: bool = True, extra: str = ""
    ) -> bytes:
        markers = f"X-Release: {self.release}\r\nX-Color: blue\r\nX-Node: node1\r\n" if marked else ""
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n{markers}{extra}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Close a stopped loop and the tasks that still ran in it."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@contextlib.contextmanager
def serving(
    tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0, release: str = "v1"
) -> Iterator[Server]:
    server = Server(tls, address, port, release)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """The URL of a port that refuses connections: bound, so that no other process gets it, but not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"

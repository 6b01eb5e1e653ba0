"""A server of HTTP/2 that misbehaves on command; the command is the path."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

import h2.events as happened
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame

from .server import end


class Server2:
    """An HTTP/2 server in a thread.

    + seen: headers of all requests
    + connections: number of accepted connections
    + goodbyes, pongs: number of GOAWAYs and of answers to pings that arrived
    + idle: number of closes, GOAWAYs and pings sent while no request was in flight
    + push: whether the newest client accepts server push
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.release = "v1"
        self.seen: list[dict[str, str]] = []
        self.connections = 0
        self.goodbyes = 0
        self.pongs = 0
        self.idle = 0
        self.push = 1
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
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
        with contextlib.suppress(ConnectionError):
            await Peer(self, reader, writer).serve()
        writer.close()  # TLS says goodbye at once
        self.idle += 1


class Peer:
    """The connection of a client."""

    def __init__(self, server: Server2, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.paths: dict[int, str] = {}
        self.sizes: dict[int, int] = {}
        self.last = 2**31 - 1
        self.waiting: int | None = None
        self.leaving: int | None = None
        self.unsent = b""

    async def serve(self) -> None:
        self.http.initiate_connection()
        self.flush()
        while data := await self.reader.read(65536):
            for event in self.http.receive_data(data):
                if not await self.take(event):
                    self.flush()
                    return
            self.flush()

    def flush(self) -> None:
        self.writer.write(self.http.data_to_send())

    def go_away(self, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Send a GOAWAY together with the pending data, and go on serving; h2 itself would close at once."""
        self.last = last
        frame = GoAwayFrame(0, last_stream_id=last, error_code=code)
        self.writer.write(self.http.data_to_send() + frame.serialize())

    async def take(self, event: happened.Event) -> bool:
        """Handle what was received. Returns False if the connection must close now."""
        match event:
            case happened.RequestReceived():
                headers = {str(name): str(value) for name, value in event.headers}
                self.server.seen.append(headers)
                self.server.push = self.http.remote_settings.enable_push
                self.paths[event.stream_id], self.sizes[event.stream_id] = headers[":path"], 0
                if self.leaving is not None:
                    self.go_away(self.leaving)  # this request has crossed it, and is ignored
                if headers[":path"] == "/early":
                    self.answer(event.stream_id, b"{}")
            case happened.DataReceived():
                self.sizes[event.stream_id] += len(event.data)
                if self.paths[event.stream_id] != "/early":
                    self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case happened.StreamEnded() if event.stream_id <= self.last:
                return await self.reply(event.stream_id, self.paths[event.stream_id])
            case happened.ConnectionTerminated():
                self.server.goodbyes += 1
            case happened.PingAckReceived():
                self.server.pongs += 1
                if self.waiting is not None:
                    self.answer(self.waiting, b"{}")
                    self.waiting = None
            case happened.WindowUpdated():
                self.send_more()
        return True

    async def reply(self, stream: int, path: str) -> bool:
        words = path.strip("/").partition("?")[0]
        if words.isdecimal():
            self.answer(stream, b"{}", status=words)
            return True
        match words:
            case "early":
                pass
            case "reset":
                self.http.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            case "reset-mid":
                self.head(stream, 100)
                self.http.send_data(stream, b"{")
                self.http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            case "close":
                return False
            case "abort":
                sock = self.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
                return False
            case "truncate":
                self.head(stream, 100)
                self.http.send_data(stream, b"{")
                return False
            case "short":
                self.head(stream, 100)
                self.http.send_data(stream, b"{", end_stream=True)
            case "hang":
                pass
            case "stall":
                self.head(stream, 100)
            case "garbage":
                self.flush()
                self.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            case "bad-frame":
                self.flush()
                self.writer.write(b"\0\0\1\6\0\0\0\0\0x")  # a PING of one byte
            case "idle-close":
                self.answer(stream, b"{}")
                self.flush()
                await asyncio.sleep(0.05)
                return False
            case "crossed-goaway":
                self.answer(stream, b"{}")
                self.leaving = stream
            case "idle-goaway":
                self.answer(stream, b"{}")
                self.flush()
                await asyncio.sleep(0.05)
                self.go_away(stream)  # and the connection stays open
                self.server.idle += 1
            case "goaway-with-answer":
                self.answer(stream, b"{}")
                self.go_away(stream)
            case "goaway-first":
                self.go_away(2**31 - 1)  # the warning of a server that will close soon
                self.go_away(stream)
                await asyncio.sleep(0.05)
                self.answer(stream, b'{"release": "v1"}')
                return False
            case "goaway-then-close":
                self.go_away(stream)
                await asyncio.sleep(0.02)
                return False
            case "goaway-refuse":
                self.go_away(stream - 2 if stream > 1 else 0, ErrorCodes.ENHANCE_YOUR_CALM)
            case "ping":
                self.waiting = stream
                self.http.ping(b"12345678")
            case "idle-ping":
                self.answer(stream, b"{}")
                self.flush()
                await asyncio.sleep(0.05)
                self.http.ping(b"12345678")
                self.flush()
                self.server.idle += 1
            case "chatter":
                for _ in range(30):
                    self.http.ping(b"12345678")
                    self.flush()
                    await asyncio.sleep(0.05)
            case "hints":
                self.http.send_headers(stream, [(":status", "103"), ("x-release", "hint")])
                self.answer(stream, b"{}")
            case "big":
                self.waiting = stream
                self.head(stream, 300_000, kind="application/json")
                self.unsent = b"x" * 300_000
                self.send_more()
            case "slow":
                await asyncio.sleep(float(path.partition("s=")[2]))
                self.answer(stream, b"{}")
            case "unmarked":
                self.http.send_headers(stream, [(":status", "200")], end_stream=True)
            case _:
                size = self.sizes[stream]
                self.answer(
                    stream, b'{"release": "%s", "color": "blue", "size": %d}' % (self.server.release.encode(), size)
                )
        return True

    def head(self, stream: int, length: int, status: str = "200", kind: str = "application/json") -> None:
        markers = [("x-release", self.server.release), ("x-color", "blue"), ("x-node", "node1")]
        head = [(":status", status), ("content-type", kind), ("content-length", str(length))]
        self.http.send_headers(stream, head + markers)

    def answer(self, stream: int, body: bytes, status: str = "200") -> None:
        self.head(stream, len(body), status)
        self.http.send_data(stream, body, end_stream=True)

    def send_more(self) -> None:
        while self.unsent and self.waiting is not None:
            room = min(self.http.local_flow_control_window(self.waiting), self.http.max_outbound_frame_size)
            if room <= 0:
                return
            part, self.unsent = self.unsent[:room], self.unsent[room:]
            self.http.send_data(self.waiting, part, end_stream=not self.unsent)


@contextlib.contextmanager
def serving2(tls: ssl.SSLContext) -> Iterator[Server2]:
    server = Server2(tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()

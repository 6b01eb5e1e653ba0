"""Clients of open streams: a WebSocket that asks for echoes, and server-sent events."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
import threading
import time
from abc import abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from typing_extensions import override

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SILENCE = 30.0
"""Seconds without a message after which a stream counts as dead."""


class Ended(Exception):
    """The server ended the stream. The message says how."""


@dataclass(frozen=True)
class Word:
    """A message of the service, and its time by ``time.monotonic()``."""

    at: float
    body: dict[str, Any]


class Stream:
    """A stream in its own thread. It is open when the ``with`` block begins.

    + url: of a balancer, or of a node's port
    + ca: file of certificates to trust; with it TLS is spoken
    + name: whose certificate it has to be
    """

    path = ""
    headers: tuple[str, ...] = ()
    status = 0

    def __init__(self, url: str, ca: str | None = None, name: str = "") -> None:
        self.url = url
        self._ca, self._name = ca, name
        self.words: list[Word] = []
        self.ended: str | None = None
        self._closing = False
        self._unread = b""
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def open(self) -> bool:
        return self.ended is None

    @property
    def releases(self) -> set[str]:
        """Every release that has sent a message."""
        return {str(word.body["release"]) for word in self.words}

    @property
    def node(self) -> str:
        return str(self.words[0].body["node"])

    def speaks(self, seconds: float = SILENCE) -> bool:
        """Whether a new message arrives in time."""
        count, deadline = len(self.words), time.monotonic() + seconds
        while len(self.words) <= count and self.open and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(self.words) > count

    def close(self) -> None:
        """Close the stream from the client's side."""
        self._closing = True
        self._thread.join(SILENCE + 1)

    def __enter__(self) -> Self:
        host, port = urlsplit(self.url).hostname, urlsplit(self.url).port
        self._socket = socket.create_connection((str(host), int(port or 80)), timeout=SILENCE)
        if self._ca is not None:
            tls = ssl.create_default_context(cafile=self._ca)
            self._socket = tls.wrap_socket(self._socket, server_hostname=self._name)
        lines = (f"GET {self.path} HTTP/1.1", f"Host: {host}:{port}", *self.headers, "", "")
        self._socket.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self._unread:
            self._read()
        head, self._unread = self._unread.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 %d " % self.status), head.decode()
        self._thread.start()
        assert self._first.wait(SILENCE), self.ended
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._step()
            self.ended = "closed by us"
        except (Ended, OSError) as error:
            self.ended = f"{type(error).__name__}: {error}"
        finally:
            self._socket.close()

    @abstractmethod
    def _step(self) -> None:
        """Receive a message, or raise."""

    def _heard(self, text: bytes) -> None:
        self.words.append(Word(time.monotonic(), json.loads(text)))
        self._first.set()

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Ended("end of file")
        self._unread += data

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._read()
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken


class Events(Stream):
    """Server-sent events."""

    path = "/ws/events"
    headers = ("Accept: text/event-stream",)
    status = 200

    @override
    def _step(self) -> None:
        while b"\n\n" not in self._unread:
            self._read()
        event, self._unread = self._unread.split(b"\n\n", 1)
        # a balancer sends it in chunks, whose lengths are lines of their own
        self._heard(next(line for line in event.split(b"\n") if line.startswith(b"data: ")).removeprefix(b"data: "))


class WebSocket(Stream):
    """A WebSocket that asks for ten echoes a second."""

    path = "/ws"
    headers = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    )
    status = 101

    @override
    def __init__(self, url: str, ca: str | None = None, name: str = "") -> None:
        super().__init__(url, ca, name)
        self._asked = 0

    @override
    def _step(self) -> None:
        if self.words:
            self._asked += 1
            self._send(TEXT, str(self._asked).encode())
        kind, text = self._frame()
        while kind != TEXT:
            if kind == CLOSE:
                raise Ended("close frame")
            if kind == PING:
                self._send(PONG, text)
            kind, text = self._frame()
        self._heard(text)
        # the service sends the first message unasked
        echo = self.words[-1].body["echo"]
        if echo != (str(self._asked) if self._asked else None):
            raise Ended(f"asked for {self._asked}, was told {echo}")
        time.sleep(0.1)

    def _frame(self) -> tuple[int, bytes]:
        kind, length = self._exactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        return kind & 15, self._exactly(length)

    def _send(self, kind: int, text: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(text))
        self._socket.sendall(bytes((128 | kind, 128 | len(text))) + mask + masked)


class Listener(WebSocket):
    """A WebSocket that hears pings and sends nothing, so that its connection looks idle."""

    @override
    def _step(self) -> None:
        kind, text = self._frame()
        if kind == TEXT:
            self._heard(text)
        elif kind != PING:
            raise Ended(f"frame of kind {kind}")

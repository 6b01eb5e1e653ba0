"""The state of an HTTP/2 connection that carries one request at a time. This module does no input or output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import h2.events as happened
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error, InvalidBodyLengthError
from h2.settings import SettingCodes, Settings

from orchestrator.probe.answer import KEPT, Answer
from orchestrator.probe.lost import GoneAway, NotHttp2, StreamReset

GOAWAY = 7
"""Number of the frame type GOAWAY in HTTP/2.

With a GOAWAY frame, a server or a client announces that it will close the connection.
"""
HEAD = 9
"""Number of bytes in the head of an HTTP/2 frame.

The head has 3 bytes for the length, 1 byte for the type, 1 byte for flags, and 4 bytes for the number of the stream.
"""

MOST = 16384
"""Number of bytes, without the head, in the longest HTTP/2 frame that the server may send.

This number is the default of HTTP/2. The probe never allows longer frames.
"""

Headers = Iterable[tuple[str, str]]


def agreed(alpn: str | None) -> None:
    """Raise NotHttp2 if the server did not choose HTTP/2 in the TLS handshake (by ALPN).

    + alpn: name of the protocol that the server chose (``h2`` is HTTP/2); None if the server chose no protocol
    """
    if alpn != "h2":
        raise NotHttp2(f"the server does not speak HTTP/2: by ALPN it chose {alpn or 'nothing'}")


def headers_of(method: str, path: str, headers: Headers) -> list[tuple[str, str]]:
    """Return the HTTP/2 headers of a request. Pure.

    The header Host becomes ``:authority``. The header Connection is left out.

    + headers: name and value of each header, as for HTTP/1.1; Host must be among them
    """
    lower = [(name.lower(), value) for name, value in headers]
    authority = next(value for name, value in lower if name == "host")
    pseudo = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
    return pseudo + [(name, value) for name, value in lower if name not in ("host", "connection")]


class Exchange:
    """The state of one HTTP/2 connection. The caller sends and receives the bytes of the connection.

    + begun: whether the headers of the answer to the newest request have arrived
    """

    def __init__(self) -> None:
        self.begun = False
        self._leaving = False
        self._http = H2Connection(H2Configuration(header_encoding=None))
        self._http.local_settings = Settings(
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.MAX_HEADER_LIST_SIZE: H2Connection.DEFAULT_MAX_HEADER_LIST_SIZE,
            }
        )
        self._http.initiate_connection()
        self._unread = bytearray()
        self._stream = 0
        self._unsent = memoryview(b"")
        self._head: dict[bytes, bytes] = {}
        self._body: bytearray | None = None
        self._ended = False

    @property
    def reusable(self) -> bool:
        """Whether another request can be sent over the connection.

        False if the last request was not sent completely, or if the server has sent a GOAWAY frame. By this frame, a
        server announces that it will close the connection.
        """
        return not self._leaving and not self._unsent

    def request(self, method: str, path: str, headers: Headers, body: bytes = b"") -> None:
        """Begin a request. After this call, `outgoing` returns the first bytes of the request.

        These bytes are the headers, and as much of the body as the server allows now.

        Raises NotHttp2 if no request can be sent over the connection, for example because the server allows no streams.

        + headers: name and value of each header, as for HTTP/1.1; Host must be among them
        """
        self.begun = self._ended = False
        self._head, self._body = {}, bytearray()
        self._unsent = memoryview(body)
        try:
            self._stream = self._http.get_next_available_stream_id()
            self._http.send_headers(self._stream, headers_of(method, path, headers), end_stream=not body)
            self._send_more()
        except H2Error as error:
            raise NotHttp2(f"{type(error).__name__}: {error}") from None

    def receive(self, data: bytes) -> Answer | None:
        """Process bytes from the server. If these bytes complete the answer, return the answer, otherwise None.

        Raises StreamReset or GoneAway if the server will not answer the request. Raises EOFError if the answer is
        shorter than its Content-Length. Raises NotHttp2 if the server violates the HTTP/2 standard.
        """
        self._unread += data
        before = self._ended
        for frame in self._frames():
            if frame[3] == GOAWAY:
                self._go_away(frame)
                continue
            try:
                events = self._http.receive_data(frame)
                for event in events:
                    self._take(event)
            except InvalidBodyLengthError as error:
                if error.actual_length < error.expected_length:
                    raise EOFError from None
                raise NotHttp2(str(error)) from None
            except H2Error as error:
                raise NotHttp2(f"{type(error).__name__}: {error}") from None
        if self._ended and not before:
            return self._answer()
        self._send_more()
        return None

    def outgoing(self) -> bytes:
        """Return the bytes that must be sent to the server now."""
        return self._http.data_to_send()

    def end(self) -> None:
        """Begin to close the connection. After this call, `outgoing` returns a GOAWAY frame for the server.

        By this frame, the client announces that it will close the connection.
        """
        self._http.close_connection()

    def _frames(self) -> Iterator[bytes]:
        """Yield each complete frame that was received, including the head of the frame.

        Raises NotHttp2 if a frame is longer than the probe allows (`MOST`).
        """
        while len(self._unread) >= HEAD:
            length = int.from_bytes(self._unread[:3])
            if length > MOST:
                raise NotHttp2(
                    f"the server sent {bytes(self._unread[:HEAD])!r}, which is not the beginning of an HTTP/2 frame"
                )
            if len(self._unread) < HEAD + length:
                return
            frame = bytes(self._unread[: HEAD + length])
            del self._unread[: HEAD + length]
            yield frame

    def _go_away(self, frame: bytes) -> None:
        """Process a GOAWAY frame, by which the server announces that it will close the connection.

        Raises GoneAway if the server will not answer the present request. The frame names the last stream (request)
        that the server may still answer. This method does not pass the frame to the library h2, because h2 would end
        the connection at once, before an answer can arrive.
        """
        self._leaving = True
        last, code = int.from_bytes(frame[HEAD : HEAD + 4]) & 0x7FFFFFFF, int.from_bytes(frame[HEAD + 4 : HEAD + 8])
        if self._stream > last and not self._ended:
            raise GoneAway(f"GOAWAY ({_name(code)})")

    def _take(self, event: happened.Event) -> None:
        match event:
            case happened.ResponseReceived(stream_id=self._stream):
                self.begun = True
                self._head = {bytes(name): bytes(value) for name, value in event.headers}
            case happened.DataReceived():
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id == self._stream and self._body is not None:
                    self._body += event.data
                    self._body = self._body if len(self._body) <= KEPT else None
            case happened.StreamEnded(stream_id=self._stream):
                self._ended = True
            case happened.StreamReset(stream_id=self._stream) if not self._ended:
                raise StreamReset(f"stream reset ({_name(event.error_code)})")

    def _send_more(self) -> None:
        """Pass the next part of the request's body to the library h2: as much as the server's flow control allows."""
        while self._unsent and not self._ended:
            room = min(self._http.local_flow_control_window(self._stream), self._http.max_outbound_frame_size)
            if room <= 0:
                return
            part, self._unsent = self._unsent[:room], self._unsent[room:]
            self._http.send_data(self._stream, bytes(part), end_stream=not self._unsent)

    def _answer(self) -> Answer:
        head = {name: value.decode("latin-1") for name, value in self._head.items()}
        status = head.get(b":status", "")
        return Answer(
            status=int(status) if status.isdecimal() else 0,
            release=head.get(b"x-release") or None,
            color=head.get(b"x-color") or None,
            node=head.get(b"x-node") or None,
            content_type=head.get(b"content-type", ""),
            body=None if self._body is None else bytes(self._body),
        )


def _name(code: int | ErrorCodes | None) -> str:
    if code is None:
        return "no reason"
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"

#!/usr/bin/env python3
"""A web application without PHP: an HTTP server of Python's standard library.

It listens on the unix socket SOCKET, or else on 127.0.0.1 at PORT. The environment variables RELEASE and
COLOR name the release and the color.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingUnixStreamServer
from urllib.parse import parse_qs, urlsplit

from version import VERSION


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 75  # seconds after which an idle connection is closed

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if asked.path == "/slow":
            time.sleep(min(30.0, max(0.0, float(parse_qs(asked.query).get("s", ["2"])[0]))))
        self.answer(200 if asked.path in ("/", "/health", "/slow") else 404)

    def do_POST(self) -> None:
        if urlsplit(self.path).path != "/upload":
            return self.do_GET()
        left = size = int(self.headers.get("Content-Length") or 0)
        while left and (got := self.rfile.read(min(left, 65536))):
            left -= len(got)
        return self.answer(200, size=size - left)

    def answer(self, status: int, **more: object) -> None:
        who = {"version": VERSION, "release": os.environ.get("RELEASE"), "color": os.environ.get("COLOR")}
        text = json.dumps(who | {"node": socket.gethostname()} | more).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self) -> str:
        return "client"  # the clients of a unix socket have no address

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


class UnixServer(ThreadingUnixStreamServer):
    daemon_threads = False  # at its end, the server waits for the requests in flight
    request_queue_size = 4096


class TcpServer(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 4096


def main() -> None:
    path = os.environ.get("SOCKET")
    server = UnixServer(path, Handler) if path else TcpServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    # `shutdown` waits for `serve_forever`, which this thread runs, so another thread calls it
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main()

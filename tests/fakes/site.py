"""A real HTTP server of a directory's files."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override


class Site(SimpleHTTPRequestHandler):
    """Serves files without logging requests."""

    @override
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(directory: Path, handler: type[Site] = Site) -> Iterator[str]:
    """Create a directory and serve its files. Yields host and port."""
    directory.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(directory)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()

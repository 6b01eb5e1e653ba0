"""Real git, without the configuration of the person who runs the tests."""

from __future__ import annotations

import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

GIT = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.com",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def git(place: Path, *words: str) -> str:
    """Run git. Returns its output."""
    done = subprocess.run(["git", "-C", place, *words], capture_output=True, text=True, env={**os.environ, **GIT})
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving_git(directory: Path) -> Iterator[str]:
    """Serve the repositories in a directory. Yields the URL of the directory, ``git://127.0.0.1:port``."""

    class Handler(socketserver.BaseRequestHandler):
        @override
        def handle(self) -> None:
            command = ["git", "daemon", "--inetd", "--export-all", f"--base-path={directory}", str(directory)]
            subprocess.run(
                command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, env=os.environ | GIT
            )

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"git://127.0.0.1:{server.server_address[1]}"
        server.shutdown()

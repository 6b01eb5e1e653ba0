"""The requests that warming sends. The real script."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typing_extensions import override

from orchestrator.operations.warm import warm


class Asked(ThreadingHTTPServer):
    """Answers every request, and records the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.paths: list[str] = []
        self.seconds = 0.0


class Answer(BaseHTTPRequestHandler):
    server: Asked

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        time.sleep(self.server.seconds)
        self.send_response(404 if "missing" in self.path else 500 if "broken" in self.path else 200)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def color() -> Iterator[Asked]:
    with Asked() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def warmed(
    color: Asked, *paths: str, workers: int = 0, seconds: int = 60, said: str = ""
) -> subprocess.CompletedProcess[str]:
    (command,) = warm._inner(
        root="/srv/shop",
        color="green",
        port=color.server_address[1],
        hostname="shop.test",
        paths=paths,
        public="public",
        inspect="/inspect.php",
        compile=(),
        workers=workers,
        seconds=seconds,
        said=said,
    )
    return subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True)


def test_pages_are_asked_for_as_they_are_written(color: Asked) -> None:
    paths = ("/", "/?filter[name]=a&page={1,2}")
    done = warmed(color, *paths)
    assert done.returncode == 0, done.stderr
    assert color.paths == list(paths)


def test_the_workers_get_pages_as_they_are_written(color: Asked) -> None:
    paths = ["/a?b[]={c,d}", '/"quoted"\\\\', "/%20#part"]
    assert warmed(color, *paths, workers=6).returncode == 0
    assert color.paths[:3] == color.paths[3:]


def test_every_worker_gets_a_page(color: Asked) -> None:
    assert warmed(color, "/", "/b", workers=5).returncode == 0
    assert color.paths == ["/", "/b", "/", "/b", "/"]


@pytest.mark.exhaustive
def test_many_workers_and_slow_pages_end_in_time(color: Asked) -> None:
    color.seconds = 0.1
    done = warmed(color, "/", workers=64, seconds=6)
    assert done.returncode == 0, done.stderr
    assert 2 <= len(color.paths) < 40


def test_a_page_that_is_missing_is_named(color: Asked) -> None:
    done = warmed(color, "/missing")
    assert (done.returncode, done.stderr) == (1, "/missing answers status 404 while warming\n")


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (
            "PHP Parse error:  syntax error in /srv/shop/releases/20260101T120000Z-5d0f0c1/public/index.php on line 3",
            ": PHP Parse error: syntax error in public/index.php on line 3",
        ),
        ("NOTICE: ready to handle connections", ""),
        ("", ""),
    ],
)
def test_the_error_of_php_explains_a_page_that_fails(color: Asked, log: str, why: str) -> None:
    done = warmed(color, "/broken", said=f"echo '{log}'")
    assert (done.returncode, done.stderr) == (1, f"/broken answers status 500 while warming{why}\n")
    # an error that PHP logged for another request does not explain this answer
    done = warmed(color, "/missing", said=f"echo '{log}'")
    assert done.stderr == "/missing answers status 404 while warming\n"

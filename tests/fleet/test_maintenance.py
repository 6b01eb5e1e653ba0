"""Maintenance on the fleet: both balancers send the page to all but the testers, by hand and in a release."""

from __future__ import annotations

import asyncio
import http.client
import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orchestrator.layout import BalancerLayout
from orchestrator.switches import balancer
from tests.fleet.running import ROOT, Fleet, Shape
from tests.fleet.switching import BALANCERS, kill, until, url_of
from tests.fleet.traffic import Answer, Questions, ask

TOKEN = "testers-token-of-the-fleet"
MAINTENANCE = {"page": "<h1>back soon</h1>", "retry_after": 30, "token": TOKEN, "hold": 30}
SHAPE: Shape = {"SETTINGS": json.dumps({"maintenance": MAINTENANCE})}


@pytest.fixture
def shape() -> Shape:
    return SHAPE


class Site:
    """The site of the fleet, closed and opened by deploy files."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.urls = [url_of(fleet, kind) for kind in BALANCERS]
        self.said = ""

    def run(self, verb: str, *data: str) -> int:
        words = [word for one in data for word in ("--data", one)]
        done = self.fleet.pyinfra(f"deploys/{verb}.py", "-y", *words, environment=SHAPE)
        self.said = done.stdout + done.stderr
        return done.returncode

    def must(self, verb: str, *data: str) -> None:
        assert self.run(verb, *data) == 0, self.said

    def version(self) -> str:
        """The version that answers the testers at both balancers."""
        answers = [self.send(url, headers={"X-Maintenance": TOKEN}) for url in self.urls]
        (found,) = {json.loads(answer.text)["version"] if answer.status == 200 else "" for answer in answers}
        return str(found)

    def other(self) -> str:
        """A version that does not answer now."""
        return "v2" if self.version() == "v1" else "v1"

    def send(self, url: str, method: str = "GET", path: str = "/", headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.request(method, path, body="a=b" if method == "POST" else None, headers=headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return Answer(url, 0, 0, answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)

    def is_open(self) -> bool:
        return all(self.send(url).status == 200 for url in self.urls)

    def status(self) -> list[str]:
        """The lines of `status` about the page."""
        self.must("status")
        return [line.strip() for line in self.said.splitlines() if "MAINTENANCE" in line]


@pytest.fixture
def site(fleet: Fleet) -> Iterator[Site]:
    made = Site(fleet)
    if not made.is_open():
        made.must("release", "ref=v1")
    yield made
    made.must("maintenance", "page=off")
    assert made.is_open()


def is_page(answer: Answer) -> bool:
    """Whether an answer is the page. A page is complete, and nobody keeps it."""
    if answer.status != 503:
        return False
    assert answer.text == "<h1>back soon</h1>\n"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("30", "no-store")
    return True


def answers(url: str) -> bool:
    """Whether a balancer answers at all."""
    return ask(url).status != 0


def course(answers: list[Answer], url: str) -> list[str]:
    """What the users of a balancer got, one after another: the page, or a version. Each other answer is an error."""
    found = ["page" if is_page(one) else str(one.body["version"]) for one in answers if one.url == url]
    return [what for what, _ in groupby(found)]


def test_all_but_the_testers_get_the_page(site: Site) -> None:
    fleet = site.fleet
    version = site.version()
    with Questions(site.urls, each=1) as questions:
        site.must("maintenance", "page=on")
        ends = "deploys/maintenance.py --data page=off shows the site"
        assert site.status() == [f"MAINTENANCE  {kind} shows the page: {ends}" for kind in BALANCERS]
        for url in site.urls:
            for method in ("GET", "POST", "PUT"):
                assert is_page(site.send(url, method, "/slow/path.html?a=1"))
            assert site.send(url, "HEAD").status == 503
            assert site.send(url, path="/.orchestrator/health").status == 200
            assert site.send(url, path="/.orchestrator/maintenance").status in (404, 503)
            for headers in ({"X-Maintenance": TOKEN}, {"Cookie": f"a=b; maintenance={TOKEN}"}):
                assert json.loads(site.send(url, headers=headers).text)["version"] == version
            for headers in (
                {"X-Maintenance": TOKEN[:-1]},
                {"X-Maintenance": TOKEN.upper()},
                {"Cookie": "maintenance=1"},
            ):
                assert is_page(site.send(url, headers=headers))
        site.must("maintenance", "page=off")
    for url in site.urls:
        assert course(questions.answers, url) == [version, "page", version]
    assert site.status() == []
    site.must("maintenance", "page=on")
    for kind, url in zip(BALANCERS, site.urls, strict=True):
        kill(fleet, kind)
        until(partial(answers, url))
        assert is_page(ask(url))


def test_a_release_closes_the_site_while_traffic_moves(site: Site) -> None:
    old, new = site.version(), site.other()
    with Questions(site.urls, each=1) as questions:
        site.must("release", f"ref={new}", "maintenance=true")
    for url in site.urls:
        assert course(questions.answers, url) == [old, "page", new]
    assert site.status() == []


@pytest.mark.slow
def test_a_rollback_closes_the_site_if_it_is_told_to(site: Site) -> None:
    new = site.version()
    site.must("release", f"ref={site.other()}")
    old = site.version()
    with Questions(site.urls, each=1) as questions:
        site.must("rollback", "maintenance=true")
    for url in site.urls:
        assert course(questions.answers, url) == [old, "page", new]


POINTS = (
    "inside page",
    "after results close*",
    "inside drained",
    "inside shift",
    "after results cutover*",
    # the result of verify is recorded together with the intent of the next stage
    "after *intent open*",
)


@pytest.mark.slow
@pytest.mark.parametrize("then", ["abort", "maintenance", "release"])
@pytest.mark.parametrize("point", POINTS)
def test_the_next_command_ends_what_a_dead_operator_left(site: Site, tmp_path: Path, point: str, then: str) -> None:
    old, new = site.version(), site.other()
    met = tmp_path / "met"
    words = [point, "SIGKILL", str(met), "inventory/fleet.py", "deploys/release.py", "-y"]
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "tests/fleet/dying.py"),
            *words,
            "--data",
            f"ref={new}",
            "--data",
            "maintenance=true",
        ],
        cwd=ROOT,
        env={**site.fleet.env, **SHAPE, "PYTHONPATH": f"{ROOT}:{ROOT / 'docker'}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert met.exists(), done.stdout + done.stderr
    told = {line.split()[1] for line in site.status() if line.split()[2:5] == ["shows", "the", "page:"]}
    shown = {kind for kind in BALANCERS if is_page(ask(url_of(site.fleet, kind)))}
    assert told == shown
    data = {"maintenance": ["page=off"], "release": [f"ref={new}"]}.get(then, [])
    site.must(then, *data)
    assert site.is_open()
    assert site.status() == []
    assert site.version() == (new if then == "release" else old)


def script(site: Site, kind: str, name: str, *words: str) -> None:
    """Run a script of a switch on its balancer, as the deploy user."""
    text = getattr(balancer(kind, BalancerLayout(site.fleet.known["app"])), name)
    done = site.fleet.ssh(kind, shlex.join(["sh", "-c", text, name, *words]), "deploy")
    assert done.returncode == 0, done.stderr


SIZE = 20_011
"""Bytes of the body of each POST. A fifth of the requests is POST."""


class Waiting:
    """Requests that are sent at once on connections of their own, and their answers.

    + sent: how many requests were sent
    + answers: the statuses of the answers; -1 if the application did not get the whole body
    """

    def __init__(self, url: str, count: int) -> None:
        self.sent = 0
        self.answers: list[int] = []
        self._port, self._count = urlsplit(url).port, count
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)

    def __enter__(self) -> Waiting:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join(60)

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(number) for number in range(self._count)))

    async def _one(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        method, path, body = ("POST", "/upload", b"x" * SIZE) if number % 5 == 0 else ("GET", "/", b"")
        head = [f"{method} {path} HTTP/1.1", "Host: shop", "Connection: close", f"Content-Length: {len(body)}", "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()
        self.sent += 1
        answer = await reader.read()
        status = int(answer.split()[1]) if answer else 0
        # the application says how many bytes it got
        self.answers.append(status if not body or str(SIZE).encode() in answer else -1)
        writer.close()


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", BALANCERS)
def test_requests_wait_for_the_end_of_a_hold(site: Site, kind: str, count: int) -> None:
    url = url_of(site.fleet, kind)
    script(site, kind, "hold", "30")
    try:
        with Waiting(url, count) as waiting:
            until(lambda: waiting.sent == count)
            assert site.send(url, headers={"X-Maintenance": TOKEN}).status == 200
            assert waiting.answers == []
            script(site, kind, "hold", "0")
    finally:
        script(site, kind, "hold", "0")
    assert waiting.answers == [200] * count


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_hold_ends_by_itself(site: Site, kind: str) -> None:
    script(site, kind, "hold", "2")
    with Waiting(url_of(site.fleet, kind), 5) as waiting:
        until(lambda: len(waiting.answers) == 5)
    assert waiting.answers == [200] * 5


@pytest.mark.slow
def test_a_release_lets_requests_wait_while_traffic_moves(site: Site) -> None:
    old, new = site.version(), site.other()
    with Questions(site.urls, each=2, timeout=60) as questions:
        site.must("release", f"ref={new}", "maintenance=hold")
    for url in site.urls:
        found = [str(one.body["version"]) for one in questions.answers if one.url == url]
        assert [version for version, _ in groupby(found)] == [old, new]
        assert {one.status for one in questions.answers} == {200}

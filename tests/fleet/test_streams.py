"""WebSockets, server-sent events and logins that stay across a switch."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.fleet.safety import Calm, Run, copy_of_inventory, snapshot, words
from tests.fleet.streams import Events, Listener, Stream, WebSocket
from tests.fleet.switching import until

Tag = Callable[[str, Callable[[Path], None]], str]

LIMIT = 4

WORKERS = 16
"""PHP-FPM's workers of a color, as inventory/fleet.py sets them."""

# HAProxy checks each color every second: at the last look a check may be a connection, or a request in PHP-FPM
CHECKS = r"(?:(?:,| and) \d+ (?:request|connection)s?)*"


@pytest.fixture
def streams(calm: Calm) -> Iterator[list[Stream]]:
    """Four of each kind, through both balancers, half of them over TLS, on the color that is live now."""
    known = calm.fleet.known
    with ExitStack() as stack:
        yield [
            stack.enter_context(kind(first["url"]) if plain else kind(first["https_url"], known["ca"], "shop.test"))
            for first in (known["balancers"][name][0] for name in ("haproxy", "nginx"))
            for plain in (True, False)
            for kind in (WebSocket, Events)
        ]


def done(calm: Calm, verb: str, inventory: Path | str = "inventory/fleet.py", **data: str) -> Run:
    run = Run(calm.fleet, *words(verb, **data), inventory=inventory)
    assert run.end() == 0, run.text
    return run


def all_open(streams: list[Stream], release: str) -> None:
    """Assert that all streams still send messages, and that only this release ever did."""
    for stream in streams:
        assert stream.speaks(), f"{stream.url}: {stream.ended}"
        assert stream.releases == {release}


def cut_lines(run: Run) -> dict[str, int]:
    """How many streams were cut, by node."""
    pattern = rf"warning: ([\w, ]+): \w+ still had (\d+) streams?{CHECKS} after {LIMIT} s: (?:it is|they are) cut"
    lines = [found for line in run.lines if (found := re.fullmatch(pattern, line.strip()))]
    return {node: int(found[2]) for found in lines for node in found[1].split(", ")}


def test_streams_stay_until_a_release_needs_their_color(calm: Calm, streams: list[Stream], tmp_path: Path) -> None:
    short = copy_of_inventory(tmp_path, drain={"limit": LIMIT})
    old = calm.before.release(calm.before.live)
    all_open(streams, old)
    for verb, data in (("release", {"ref": "v1"}), ("rollback", {}), ("rollback", {})):
        run = done(calm, verb, short, **data)
        assert "still had" not in run.text
        all_open(streams, old)

    run = done(calm, "release", short, ref="v2")
    assert cut_lines(run) == Counter(stream.node for stream in streams), run.text
    waited = next(float(line.split()[1]) for line in run.lines if line.strip().startswith("quiet "))
    assert waited >= LIMIT
    until(lambda: not any(stream.open for stream in streams))  # none outlives its color
    assert all(stream.releases == {old} for stream in streams)

    new = snapshot(calm.fleet)
    for url in (calm.fleet.haproxy_url, calm.fleet.nginx_url):
        with WebSocket(url) as again:
            assert again.releases == {new.release(new.live)}
    calm.no_request_failed()


@pytest.mark.slow
def test_at_the_limit_a_release_may_be_refused_instead(calm: Calm, streams: list[Stream], tmp_path: Path) -> None:
    old = calm.before.release(calm.before.live)
    calm.roll_back()
    before = snapshot(calm.fleet)
    refuse = copy_of_inventory(tmp_path, drain={"limit": 2, "at_limit": "refuse"})
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=refuse)
    assert run.end() == 1
    told = rf"quiet failed on node\d: \w+ still had \d+ streams?{CHECKS} after 2 s: nothing is cut"
    assert re.search(told, run.text), run.text
    assert snapshot(calm.fleet).said == before.said
    all_open(streams, old)

    patient = copy_of_inventory(tmp_path, drain={"limit": "60s", "at_limit": "refuse"})
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=patient)
    run.wait_for("release 20")
    time.sleep(3)
    all_open(streams, old)  # it waits
    for stream in streams:
        stream.close()
    assert run.end() == 0, run.text
    assert {stream.ended for stream in streams} == {"closed by us"}
    calm.no_request_failed()


@pytest.mark.slow
def test_a_silent_stream_counts_as_open(calm: Calm, tmp_path: Path) -> None:
    refuse = copy_of_inventory(tmp_path, drain={"limit": 2, "at_limit": "refuse"})
    with Listener(calm.fleet.nginx_url) as stream:  # HAProxy counts by itself
        calm.roll_back()
        run = Run(calm.fleet, *words("release", ref="v1"), inventory=refuse)
        assert run.end() == 1, run.text
        told = rf"{stream.node}: {calm.before.live} still had 1 stream{CHECKS} after 2 s: nothing is cut"
        assert re.search(told, run.text), run.text
        assert stream.open
    done(calm, "release", refuse, ref="v1")
    calm.no_request_failed()


@pytest.mark.slow
def test_a_release_waits_for_an_idle_color_without_a_free_worker(calm: Calm) -> None:
    """PHP-FPM of the idle color cannot answer the release for longer than the deadline of one look."""
    idle = calm.before.idle
    slow = calm.fleet.variables[f"NODE_2_{idle.upper()}_URL"] + "/slow?s=20"
    accepted = f"ss -Hxa state established src unix:/srv/shop/{idle}/run/fpm.sock | wc -l"
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = [pool.submit(lambda: json.load(urlopen(slow))) for _ in range(WORKERS)]
        until(lambda: int(calm.fleet.exec("node2", accepted).stdout) >= WORKERS)
        run = Run(calm.fleet, *words("release", ref="v1"))
        assert run.end() == 0, run.text
        assert "after 90 s" not in run.text
        assert {answer.result()["color"] for answer in answers} == {idle}
    calm.no_request_failed()


@pytest.mark.slow
def test_a_release_without_the_service_does_not_start(calm: Calm, tag: Tag) -> None:
    tag("no-service", lambda folder: (folder / "bin/ws").unlink())
    run = Run(calm.fleet, *words("release", ref="no-service"))
    assert run.end() == 1
    unit = f"shop-{calm.before.idle}-ws.service"
    told = rf"start failed on node1, node2, node3: {unit} does not start: release \S+ has no command bin/ws"
    assert re.search(told, run.text), run.text
    calm.untouched()
    calm.no_request_failed()


@pytest.mark.slow
def test_users_stay_logged_in(calm: Calm) -> None:
    node = calm.fleet.nodes[0]
    live, cookie = node["live_url"], ""

    def ask(url: str, method: str = "GET", path: str = "/me", body: str | None = None) -> tuple[int, dict[str, Any]]:
        nonlocal cookie
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        given = answer.headers.get("Set-Cookie")
        cookie = given.split(";")[0] if given else cookie
        connection.close()
        return answer.status, said

    assert ask(live)[0] == 401
    status, login = ask(live, "POST", "/login", "name=ann")
    assert status == 200
    assert cookie
    answered = [login["release"]]
    for verb, data in (("release", {"ref": "v1"}), ("rollback", {}), ("rollback", {})):
        done(calm, verb, **data)
        status, said = ask(live)
        assert (status, said["name"], said["since"]) == (200, "ann", login["since"]), said
        answered.append(said["release"])
    assert answered[0] == answered[2] != answered[1] == answered[3]
    for color in ("blue", "green"):
        status, said = ask(node[f"{color}_url"])
        assert (status, said["name"], said["color"]) == (200, "ann", color)
    mode = calm.fleet.exec(node["name"], "stat -c '%a %U' /srv/shop/shared/sessions").stdout
    assert mode == "700 shop-web\n"
    calm.no_request_failed()

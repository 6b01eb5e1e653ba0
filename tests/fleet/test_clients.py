"""Clients and the settings for them: a redirect to https, cookies for a node and a color."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fleet.pages import PREVIEW, Page, authority, curl, inside, secure
from tests.fleet.running import Fleet, Provisioning, Shape
from tests.fleet.safety import Run, copy_of_inventory, words
from tests.fleet.switching import BALANCERS, Runs, url_of

MORE: Shape = {
    "BALANCER": json.dumps(
        {"tls": {"redirect": True}, "sticky": {"cookie": "SRV"}, "split": "client", "split_cookie": "SID"}
    )
}


@pytest.fixture
def shape() -> Shape:
    return MORE


@pytest.fixture(autouse=True)
def https(bare_fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs verify by https, trusting the fleet's authority."""
    for name, value in MORE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SSL_CERT_FILE", authority(bare_fleet))


@pytest.fixture
def everything(https: None, fleet: Fleet, warm: Runs) -> Fleet:
    """The fleet with all of these settings, and both colors warm."""
    return fleet


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_plain_http_is_sent_to_https_but_for_the_health_page(everything: Fleet, kind: str) -> None:
    url = url_of(everything, kind)
    page = curl("-H", "Host: shop.test:80", f"{url}/a%20b?c=d%2Fe")
    assert (page.status, page.headers["location"]) == (308, "https://shop.test/a%20b?c=d%2Fe")  # type: ignore[index]
    health = "/.orchestrator/health"
    for path in (f"{health}/", f"{health}y", "/.orchestrator/Health", "/health", "//"):
        assert curl("--path-as-is", url + path).status == 308, path
    assert curl(url + health).status == curl(f"{url}{health}?deep").status == 200
    assert secure(everything, kind).status == 200
    assert inside(everything, kind, PREVIEW).status == 200


class Client:
    """A client with cookies, as a browser has them.

    + session: value of the cookie SID, None for a client without one
    """

    def __init__(self, fleet: Fleet, kind: str, session: str | None = None) -> None:
        self._fleet, self._kind = fleet, kind
        self.jar = {"SID": session} if session else {}
        self.attributes = ""

    def ask(self, path: str = "/") -> Page:
        cookies = ["-H", "Cookie: " + "; ".join(f"{k}={v}" for k, v in self.jar.items())] if self.jar else []
        page = secure(self._fleet, self._kind, *cookies, path=path)
        assert page.status == 200, page
        given = (page.headers or {}).get("set-cookie", "")
        if given:
            first, _, self.attributes = given.partition(";")
            self.jar.update([first.split("=", 1)])  # type: ignore[list-item]
        return page

    def node(self) -> tuple[str, str]:
        page = self.ask()
        return (page.headers or {})["x-node"], page.color


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_client_keeps_its_node_across_a_rollback(everything: Fleet, tmp_path: Path, kind: str) -> None:
    clients = [Client(everything, kind) for _ in range(9)]
    at_first = [client.node() for client in clients]
    assert {node for node, _ in at_first} == {node["name"] for node in everything.nodes}
    for client in clients:
        assert "httponly" in client.attributes.lower()
        assert "secure" in client.attributes.lower()
        assert re.fullmatch(r"[0-9a-f]+", client.jar["SRV"])
    given = [dict(client.jar) for client in clients]
    for _ in range(3):
        assert [client.node() for client in clients] == at_first
    Runs(everything, tmp_path).rollback()
    other = {"blue": "green", "green": "blue"}
    for _ in range(3):
        assert [client.node() for client in clients] == [(node, other[color]) for node, color in at_first]
    assert [client.jar for client in clients] == given, "nobody was given another cookie"


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_client_moves_once_and_one_way_while_the_weight_rises(
    everything: Fleet, weigh: Callable[[str, int], None], kind: str
) -> None:
    sessions = [secrets.token_hex(8) for _ in range(400)]
    before: set[str] = set()
    for green in (0, 5, 25, 50, 100):
        weigh(kind, green)
        colors = of_sessions(everything, kind, sessions * 2)
        assert all(len(seen) == 1 for seen in colors.values()), "a client saw both colors"
        now = {session for session, seen in colors.items() if seen == {"green"}}
        assert before <= now, "a client went back"
        # 400 clients: a standard deviation is at most 2.5 points
        assert abs(100 * len(now) / len(sessions) - green) <= 8, len(now)
        print(f"{kind}: asked {green}%, {len(now)} of {len(sessions)} clients have green")
        before = now
    weigh(kind, 50)
    assert {Client(everything, kind).node()[1] for _ in range(10)} in ({"blue"}, {"green"}), "by its address"


def of_sessions(fleet: Fleet, kind: str, sessions: Sequence[str]) -> dict[str, set[str]]:
    """The colors of the answers that each session got, on kept connections."""
    trust = ssl.create_default_context(cafile=authority(fleet))
    found: dict[str, set[str]] = {}
    lock = threading.Lock()

    def some(part: Sequence[str]) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", fleet.port(kind, "https"), context=trust, timeout=20)
        for session in part:
            connection.request("GET", "/", headers={"Cookie": f"SID={session}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            with lock:
                found.setdefault(session, set()).add(str(answer.getheader("X-Color")))
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, [sessions[n::8] for n in range(8)]))
    return found


@pytest.mark.slow
def test_provisioning_drains_a_node_though_cookies_name_it(
    everything: Fleet, provisioning: Provisioning, tmp_path: Path
) -> None:
    """HAProxy's own drain would still send these clients to the node, which would never be quiet."""
    changed = copy_of_inventory(tmp_path, web={"trusted_proxies": ["balancers", "10.9.9.1"]})
    # so many, and so slow, that each node has always one in flight as long as it is sent any
    clients = [Client(everything, kind) for kind in ("haproxy", "nginx", "haproxy", "haproxy") for _ in range(3)]
    stop, seen = threading.Event(), Counter[int]()

    def browse(client: Client) -> None:
        while not stop.is_set():
            seen[client.ask("/slow?s=1.5").status] += 1

    with ThreadPoolExecutor(len(clients)) as pool:
        browsing = [pool.submit(browse, client) for client in clients]
        try:
            provisioning.became(None)
            run = Run(everything, *words("provision"), inventory=changed)
            assert run.end(300) == 0, run.text
        finally:
            stop.set()
        for one in browsing:
            one.result()
    for node in everything.nodes:
        assert f"{node['name']}: the node serves traffic, so it is drained first" in run.text
    assert set(seen) == {200}
    print(f"{seen.total()} requests of clients with cookies")

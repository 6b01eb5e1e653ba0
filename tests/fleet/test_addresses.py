"""What users reach: https, a node and a color that stay theirs, a split as asked, a preview for those who may."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import shlex
import shutil
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fleet_tls
import pytest

from orchestrator.layout import HAPROXY_DIRECTORY, BalancerLayout
from orchestrator.model import Color
from orchestrator.switches import balancer
from tests.fleet.conftest import Fleet
from tests.fleet.safety import Run, copy_of_inventory, words
from tests.fleet.test_switches import BALANCERS, Runs, kill, main_process, runs, until, url_of, warm  # noqa: F401
from tests.fleet.traffic import ask

ENOUGH = 10_000
"""Requests from which a split is told."""

PREVIEW = "http://127.0.0.1:8090"
"""On the balancer itself: bound to its loopback."""

CONF = {"haproxy": f"{HAPROXY_DIRECTORY}/shop.cfg", "nginx": "/etc/nginx/conf.d/shop.conf"}


def authority(fleet: Fleet) -> str:
    return str(fleet.known["ca"])


def token(fleet: Fleet) -> str:
    return str(fleet.known["preview"])


@dataclass(frozen=True)
class Page:
    """What curl got. ``status`` 0: nothing, and ``error`` says why, ``code`` is curl's own."""

    code: int
    error: str
    version: str = ""
    status: int = 0
    headers: Mapping[str, str] | None = None
    text: str = ""

    @property
    def color(self) -> str:
        return (self.headers or {}).get("x-color", "")

    @property
    def got(self) -> dict[str, str]:
        """The headers that came as far as the application."""
        return dict(json.loads(self.text)["headers"])


def curl(*words: str) -> Page:
    command = ["curl", "-sS", "-m", "20", "-i", "-w", "\n%{http_version}", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        return Page(done.returncode, done.stderr)
    head, _, rest = done.stdout.replace("\r\n", "\n").partition("\n\n")
    text, _, version = rest.rpartition("\n")
    first, *lines = head.splitlines()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Page(0, "", version, int(first.split()[1]), headers, text)


def secure(fleet: Fleet, kind: str, *words: str, name: str = fleet_tls.NAME, path: str = "/", ca: str = "") -> Page:
    """https to a balancer under a name, which the certificate has to be for."""
    port = fleet.port(kind, "https")
    trust = ["--cacert", ca or authority(fleet), "--resolve", f"{name}:{port}:127.0.0.1"]
    return curl(*trust, *words, f"https://{name}:{port}{path}")


def inside(fleet: Fleet, kind: str, url: str, *words: str) -> Page:
    """From the balancer itself."""
    command = shlex.join(["curl", "-sS", "-m", "20", "-i", *words, url])
    done = fleet.exec(kind, command)
    assert done.returncode == 0, done.stderr
    head, _, text = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.splitlines()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Page(0, "", "", int(first.split()[1]), headers, text)


@pytest.fixture
def weigh(fleet: Fleet, warm: Runs) -> Iterator[Callable[[str, int], None]]:  # noqa: F811
    """``weigh(balancer, green)`` gives green a weight; at the end all is as it was."""
    layout = BalancerLayout(fleet.known["app"])
    before = 100 if Color(secure(fleet, "haproxy").color) is Color.green else 0

    def set_weight(kind: str, green: int) -> None:
        words = ["sh", "-c", balancer(kind, layout).shift, "shift", str(green)]
        done = fleet.ssh(kind, shlex.join(words), "deploy")
        assert done.returncode == 0, done.stderr

    yield set_weight
    for kind in BALANCERS:
        set_weight(kind, before)


# https


@pytest.mark.parametrize("kind", BALANCERS)
@pytest.mark.parametrize(("protocol", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_https_is_spoken_by_both_protocols(
    fleet: Fleet,
    warm: Runs,  # noqa: F811
    kind: str,
    protocol: str,
    version: str,
) -> None:
    plain = ask(url_of(fleet, kind))
    page = secure(fleet, kind, protocol, path="/headers")
    assert (page.status, page.version) == (200, version), page
    assert page.color == plain.headers["x-color"]
    assert page.got["HTTP_X_FORWARDED_PROTO"] == "https"
    assert page.got["HTTP_X_FORWARDED_HOST"] == page.got["HTTP_HOST"] == f"{fleet_tls.NAME}:{fleet.port(kind, 'https')}"
    assert curl(f"{url_of(fleet, kind)}/headers").got["HTTP_X_FORWARDED_PROTO"] == "http"
    big = secure(fleet, kind, protocol, "--data-binary", "@" + __file__, path="/upload")
    assert json.loads(big.text)["size"] == Path(__file__).stat().st_size


@pytest.mark.parametrize("kind", BALANCERS)
def test_a_wrong_name_a_wrong_authority_and_an_old_tls_are_no_answer(fleet: Fleet, kind: str, tmp_path: Path) -> None:
    other = tmp_path / "ca.pem"
    fleet_tls.make(other, [])
    assert secure(fleet, kind, name=kind).code == 0
    assert secure(fleet, kind, name="other.test").code == 60
    assert secure(fleet, kind, ca=str(other)).code == 60
    assert secure(fleet, kind, "--tls-max", "1.2").status == 200
    # curl's own library has to be told to speak it at all, or the refusal would be its own
    old = secure(fleet, kind, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
    assert old.code == 35
    assert "alert" in old.error


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_renewed_certificate_is_there_after_the_operators_reload(fleet: Fleet, kind: str, tmp_path: Path) -> None:
    mine, kept = fleet.dir / "hosts" / kind, tmp_path / "kept"
    made = tmp_path / kind
    made.mkdir()
    kept.mkdir()
    fleet_tls.make(tmp_path / "ca.pem", [made])
    files = ("tls.crt", "tls.key")
    reload = f"systemctl reset-failed {kind}; systemctl reload {kind}"
    try:
        for file in files:
            shutil.copy2(mine / file, kept)
            shutil.copy2(made / file, mine)
        assert secure(fleet, kind).code == 0, "nobody has reloaded"
        assert fleet.exec(kind, reload).returncode == 0
        until(lambda: secure(fleet, kind, ca=str(tmp_path / "ca.pem")).code == 0)
        assert secure(fleet, kind).code == 60
    finally:
        for file in files:
            shutil.copy2(kept / file, mine)
        assert fleet.exec(kind, reload).returncode == 0
    until(lambda: secure(fleet, kind).code == 0)


def refused(fleet: Fleet, **tls: Any) -> str:
    """What provisioning with another section ``tls`` says when it refuses; everything is as it was."""
    look = (
        "sha256sum /etc/nginx/conf.d/* /etc/haproxy/orchestrator/* 2>/dev/null; systemctl show -p MainPID nginx haproxy"
    )
    hosts = [*BALANCERS, *(node["name"] for node in fleet.nodes)]
    before = [fleet.exec(host, look).stdout for host in hosts]
    done = fleet.pyinfra("deploys/provision.py", "-y", BALANCER=json.dumps({"tls": tls}))
    assert done.returncode != 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert [fleet.exec(host, look).stdout for host in hosts] == before
    assert all(secure(fleet, kind).status == 200 for kind in BALANCERS)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_provisioning_refuses_a_certificate_that_is_missing(fleet: Fleet, warm: Runs) -> None:  # noqa: F811
    said = refused(fleet, certificate="/etc/live/nowhere.pem")
    for kind in BALANCERS:
        assert f"{kind}: tls.certificate: there is no file /etc/live/nowhere.pem; mend it" in said
    assert "nothing was changed" in said


@pytest.mark.slow
def test_provisioning_refuses_a_key_that_is_not_the_certificates(fleet: Fleet, warm: Runs) -> None:  # noqa: F811
    """An RSA key beside an elliptic certificate: nginx would take it, and no client could connect."""
    for kind in BALANCERS:
        done = fleet.exec(kind, "umask 077; openssl genrsa -out /root/other.key 2048")
        assert done.returncode == 0, done.stderr
    said = refused(fleet, key="/root/other.key")
    for kind in BALANCERS:
        assert f"{kind}: tls.key: /root/other.key is not the key of /fleet/tls.crt" in said


# A split is as asked


def split(url: str, requests: int = ENOUGH, threads: int = 8) -> Counter[str]:
    """Colors of so many answers, on kept connections. Every one of them has to be 200."""

    def some(count: int) -> Counter[str]:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        found = (ask(url, connection=connection) for _ in range(count))
        seen = Counter(one.headers["x-color"] if one.status == 200 else f"{one.status} {one.error}" for one in found)
        connection.close()
        return seen

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(some, [-(-requests // threads)] * threads), Counter[str]())


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
@pytest.mark.parametrize("green", [5, 25, 50])
def test_the_split_that_is_seen_is_the_split_that_was_asked_for(
    fleet: Fleet, weigh: Callable[[str, int], None], kind: str, green: int
) -> None:
    weigh(kind, green)
    seen = split(url_of(fleet, kind))
    assert set(seen) == {"blue", "green"}
    share = 100 * seen["green"] / seen.total()
    assert seen.total() >= ENOUGH
    assert abs(share - green) <= 2.0, seen
    print(f"{kind}: asked {green}%, seen {share:.2f}% of {seen.total()}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_balancer_killed_in_a_split_comes_back_with_it_and_with_tls(
    fleet: Fleet, weigh: Callable[[str, int], None], kind: str
) -> None:
    weigh(kind, 25)
    before = main_process(fleet, kind)
    kill(fleet, kind)
    until(lambda: main_process(fleet, kind) not in ("0", before))
    until(lambda: secure(fleet, kind).status == 200)
    assert secure(fleet, kind, "--http2").version == "2"
    until(lambda: all(ask(url_of(fleet, kind)).status == 200 for _ in range(20)))
    seen = split(url_of(fleet, kind), 4000)
    share = 100 * seen["green"] / seen.total()
    assert abs(share - 25) <= 3.0, seen
    print(f"{kind}: killed at 25%, seen {share:.2f}% of {seen.total()}")


# Preview


def ways(fleet: Fleet, secret: str, header: str = "X-Preview", cookie: str = "preview") -> list[list[str]]:
    return [["-H", f"{header}: {secret}"], ["-H", f"Cookie: a=1; {cookie}={secret}; b=2"]]


@pytest.mark.parametrize("kind", BALANCERS)
@pytest.mark.parametrize(
    ("green", "shown"), [(0, "green"), (25, "green"), (50, "green"), (51, "blue"), (75, "blue"), (100, "blue")]
)
def test_a_preview_shows_the_color_with_less_traffic(
    fleet: Fleet, weigh: Callable[[str, int], None], kind: str, green: int, shown: str
) -> None:
    weigh(kind, green)
    for way in ways(fleet, token(fleet)):
        pages = [secure(fleet, kind, *way), curl(*way, url_of(fleet, kind)), secure(fleet, kind, *way)]
        assert [page.color for page in pages] == [shown] * 3, way
    assert {inside(fleet, kind, PREVIEW).color for _ in range(3)} == {shown}


@pytest.mark.parametrize("kind", BALANCERS)
def test_without_the_whole_token_nobody_sees_it(fleet: Fleet, weigh: Callable[[str, int], None], kind: str) -> None:
    weigh(kind, 0)
    right = token(fleet)
    wrong = ["", "x", right[:-1], right + "x", "x" + right, right.swapcase(), f"{right},x", f"x,{right}", right + "%00"]
    for secret in wrong:
        for way in ways(fleet, secret):
            assert curl(*way, url_of(fleet, kind)).color == "blue", (secret == right, way[0])
    # the right token at another place
    assert curl("-H", f"X-Probe-Token: {right}", url_of(fleet, kind)).color == "blue"
    assert curl(*ways(fleet, right, cookie="other")[1], url_of(fleet, kind)).color == "blue"
    # the port is there for the balancer itself only
    address = next(s["address"] for s in fleet.known["layout"]["servers"] if s["name"] == kind)
    assert fleet.exec(kind, f"curl -sS -m 5 http://{address}:8090/").returncode == 7


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_preview_cannot_tell_either(fleet: Fleet, weigh: Callable[[str, int], None], kind: str) -> None:
    weigh(kind, 0)
    layout = BalancerLayout(fleet.known["app"])
    lose = {
        "haproxy": f"printf 'clear map {layout.weights_map}\\n' | socat stdio unix-connect:{layout.haproxy_socket}",
        "nginx": f"rm {layout.weight_link}",
    }
    mend = {
        "haproxy": "systemctl reset-failed haproxy; systemctl restart haproxy",
        "nginx": f"ln -s weights/0 {layout.weight_link}",
    }
    assert fleet.exec(kind, lose[kind]).returncode == 0
    try:
        pages = [curl(*way, url_of(fleet, kind)) for way in ways(fleet, token(fleet))]
        pages.append(inside(fleet, kind, PREVIEW))
    finally:
        assert fleet.exec(kind, mend[kind]).returncode == 0
    assert [(page.status, page.color) for page in pages] == [(503, "")] * 3
    until(lambda: ask(url_of(fleet, kind)).status == 200)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_the_token_is_in_no_log_no_process_list_and_no_application(
    fleet: Fleet,
    warm: Runs,  # noqa: F811
    kind: str,
) -> None:
    secret = token(fleet)
    for way in ways(fleet, secret):
        got = secure(fleet, kind, *way, path="/headers").got
        assert "HTTP_X_PREVIEW" not in got
        assert secret not in json.dumps(got)
    assert got["HTTP_COOKIE"] == "a=1; preview=1; b=2"
    assert curl("-H", "Cookie: a=1; b=2", f"{url_of(fleet, kind)}/headers").got["HTTP_COOKIE"] == "a=1; b=2"
    # provisioning is the one that handles it
    done = fleet.pyinfra("deploys/provision.py", "-y", "-vvv")
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
    # the pattern comes by standard input: on a command line it would find itself
    files = "journalctl --no-pager; cat /proc/[0-9]*/cmdline; find /var/log -type f -exec cat {} +"
    find = f"{{ {files}; }} 2>/dev/null | grep -acF -f /root/t"
    for host in (kind, *(node["name"] for node in fleet.nodes)):
        subprocess.run(
            ["docker", "exec", "-i", fleet.container(host), "sh", "-c", "umask 077; cat > /root/t"],
            input=secret + "\n",
            text=True,
            check=True,
        )
        assert fleet.exec(host, find + "; rm /root/t").stdout.strip() == "0", host
    found = fleet.exec(kind, f"stat -c '%a %U %G' {CONF[kind]}; su deploy -c 'cat {CONF[kind]}' | wc -c")
    assert found.stdout.split() == ["640", "root", "root", "0"], found


def test_the_journal_does_not_hold_the_token(fleet: Fleet, warm: Runs) -> None:  # noqa: F811
    for kind in BALANCERS:
        journal = fleet.exec(kind, "find /var/lib/orchestrator -type f -exec cat {} +").stdout
        assert token(fleet) not in journal


# With more of the settings: redirect, cookies, clients


@pytest.fixture(scope="module")
def all_of_it(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with everything on; runs verify by https, trusting the fleet's authority."""
    more = {
        "tls": {"redirect": True},
        "sticky": {"cookie": "SRV"},
        "split": "client",
        "split_cookie": "SID",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALANCER", json.dumps(more))
        patch.setenv("SSL_CERT_FILE", authority(fleet))
        done = fleet.pyinfra("deploys/provision.py", "-y")
        assert done.returncode == 0, done.stdout + done.stderr
        yield fleet
    done = fleet.pyinfra("deploys/provision.py", "-y")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def everything(warm: Runs, all_of_it: Fleet) -> Fleet:  # noqa: F811
    """Both colors are warm before plain http is sent away."""
    return all_of_it


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_plain_http_is_sent_to_https_but_for_the_health_page(everything: Fleet, kind: str) -> None:
    url = url_of(everything, kind)
    page = curl("-H", "Host: shop.test:80", f"{url}/a%20b?c=d%2Fe")
    assert (page.status, page.headers["location"]) == (308, "https://shop.test/a%20b?c=d%2Fe")  # type: ignore[index]
    for path in ("/health/", "/healthy", "/Health", "//"):
        assert curl("--path-as-is", url + path).status == 308, path
    assert curl(f"{url}/health").status == curl(f"{url}/health?deep").status == 200
    assert secure(everything, kind).status == 200
    assert inside(everything, kind, PREVIEW).status == 200


class Client:
    """A browser, as far as cookies go: it keeps the balancer's, and has a session of its own.

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
def test_provisioning_drains_a_node_though_cookies_name_it(everything: Fleet, tmp_path: Path) -> None:
    """HAProxy's drain would go on sending them there, and the node would never be quiet."""
    changed = copy_of_inventory(tmp_path, php={"workers": 16, "request_limit": 62})
    # so many, and so slow, that each node has always one in flight as long as it is sent any
    clients = [Client(everything, kind) for kind in ("haproxy", "nginx", "haproxy", "haproxy") for _ in range(3)]
    stop, seen = threading.Event(), Counter[int]()

    def browse(client: Client) -> None:
        while not stop.is_set():
            seen[client.ask("/slow?s=1.5").status] += 1

    with ThreadPoolExecutor(len(clients)) as pool:
        browsing = [pool.submit(browse, client) for client in clients]
        try:
            run = Run(everything, *words("provision"), inventory=changed)
            assert run.end(300) == 0, run.text
        finally:
            stop.set()
        for one in browsing:
            one.result()
    for node in everything.nodes:
        assert f"{node['name']}: serving, so it is drained first" in run.text
    assert set(seen) == {200}
    print(f"{seen.total()} requests of clients with cookies")
    done = everything.pyinfra("deploys/provision.py", "-y")
    assert done.returncode == 0, done.stderr

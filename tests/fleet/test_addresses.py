"""What users reach: https, a node and a color that stay theirs, a split as asked, a preview for those who may."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fleet_tls
import pytest

from orchestrator.layout import HAPROXY_DIRECTORY, BalancerLayout
from tests.fleet.pages import PREVIEW, curl, inside, secure, token
from tests.fleet.running import Fleet
from tests.fleet.switching import BALANCERS, Runs, kill, main_process, until, url_of
from tests.fleet.traffic import ask

ENOUGH = 10_000
"""The number of requests that measure a split."""

CONF = {"haproxy": f"{HAPROXY_DIRECTORY}/shop.cfg", "nginx": "/etc/nginx/conf.d/shop.conf"}


# https


@pytest.mark.parametrize("kind", BALANCERS)
@pytest.mark.parametrize(("protocol", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_https_is_spoken_by_both_protocols(
    fleet: Fleet,
    warm: Runs,
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
def test_a_wrong_name_authority_or_tls_version_gets_no_answer(fleet: Fleet, kind: str, tmp_path: Path) -> None:
    other = tmp_path / "ca.pem"
    fleet_tls.make(other, [])
    assert secure(fleet, kind, name=kind).code == 0
    assert secure(fleet, kind, name="other.test").code == 60
    assert secure(fleet, kind, ca=str(other)).code == 60
    assert secure(fleet, kind, "--tls-max", "1.2").status == 200
    # without this level curl's own library would refuse the old version
    old = secure(fleet, kind, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
    assert old.code == 35
    assert "alert" in old.error


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
def test_a_renewed_certificate_is_used_after_a_reload(fleet: Fleet, kind: str, tmp_path: Path) -> None:
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
    """The output of provisioning with another section ``tls``, which it must refuse without a change."""
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
def test_provisioning_refuses_a_certificate_that_is_missing(fleet: Fleet, warm: Runs) -> None:
    said = refused(fleet, certificate="/etc/live/nowhere.pem")
    for kind in BALANCERS:
        assert (
            f"{kind}: tls.certificate: there is no file /etc/live/nowhere.pem; nothing was changed: correct the file"
            in said
        )
    assert "nothing was changed" in said


@pytest.mark.slow
def test_provisioning_refuses_a_key_that_is_not_the_certificates(fleet: Fleet, warm: Runs) -> None:
    """An RSA key beside an elliptic certificate: nginx would take it, and no client could connect."""
    for kind in BALANCERS:
        done = fleet.exec(kind, "umask 077; openssl genrsa -out /root/other.key 2048")
        assert done.returncode == 0, done.stderr
    said = refused(fleet, key="/root/other.key")
    for kind in BALANCERS:
        assert f"{kind}: tls.key: /root/other.key is not the key of /fleet/tls.crt" in said


# A split is as asked


def split(url: str, requests: int = ENOUGH, threads: int = 8) -> Counter[str]:
    """Count the colors of so many answers on kept connections. An answer that is not 200 counts as itself."""

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
def test_a_balancer_killed_in_a_split_keeps_the_split_and_tls(
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
    ("green", "shown"),
    [
        (0, "green"),
        pytest.param(25, "green", marks=pytest.mark.slow),
        pytest.param(50, "green", marks=pytest.mark.slow),
        (51, "blue"),
        pytest.param(75, "blue", marks=pytest.mark.slow),
        pytest.param(100, "blue", marks=pytest.mark.slow),
    ],
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
def test_only_the_whole_token_shows_the_preview(fleet: Fleet, weigh: Callable[[str, int], None], kind: str) -> None:
    weigh(kind, 0)
    right = token(fleet)
    wrong = ["", "x", right[:-1], right + "x", "x" + right, right.swapcase(), f"{right},x", f"x,{right}", right + "%00"]
    for secret in wrong:
        for way in ways(fleet, secret):
            assert curl(*way, url_of(fleet, kind)).color == "blue", (secret == right, way[0])
    # the right token at another place
    assert curl("-H", f"X-Probe-Token: {right}", url_of(fleet, kind)).color == "blue"
    assert curl(*ways(fleet, right, cookie="other")[1], url_of(fleet, kind)).color == "blue"
    # only the balancer itself can reach the port
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
        # in this sticky directory, only the owner of a link may replace the link
        "nginx": f"runuser -u deploy -- ln -s weights/0 {layout.weight_link}",
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
def test_no_log_process_list_or_application_shows_the_token(
    fleet: Fleet,
    warm: Runs,
    kind: str,
) -> None:
    secret = token(fleet)
    for way in ways(fleet, secret):
        got = secure(fleet, kind, *way, path="/headers").got
        assert "HTTP_X_PREVIEW" not in got
        assert secret not in json.dumps(got)
    assert got["HTTP_COOKIE"] == "a=1; preview=1; b=2"
    assert curl("-H", "Cookie: a=1; b=2", f"{url_of(fleet, kind)}/headers").got["HTTP_COOKIE"] == "a=1; b=2"
    # provisioning handles the token
    done = fleet.pyinfra("deploys/provision.py", "-y", "-vvv")
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
    # the pattern comes from a file: on a command line it would find itself
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


def test_the_journal_does_not_hold_the_token(fleet: Fleet, warm: Runs) -> None:
    for kind in BALANCERS:
        journal = fleet.exec(kind, "find /var/lib/orchestrator -type f -exec cat {} +").stdout
        assert token(fleet) not in journal

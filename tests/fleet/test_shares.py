"""Traffic that moves share by share on the real fleet, with requests of every kind in flight."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.probe.sample import Kind, Sample
from tests.fleet.running import Fleet
from tests.fleet.switching import BALANCERS, Runs, kill, main_process, until, url_of
from tests.fleet.traffic import Traffic, ask, flawless, measured

SHARES = (5, 25, 50)
REQUESTS = 10_000
"""The number of answers that measure a share."""


class Shares:
    """Runs of the product whose traffic moves share by share, on one balancer or on both.

    + base: settings of every run
    + env: environment of every run
    """

    def __init__(
        self,
        fleet: Fleet,
        directory: Path,
        switch: str = "",
        base: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._fleet, self._directory = fleet, directory
        self._base, self._env = dict(base or {}), {"SWITCH": switch, **(env or {})}
        self._count = 0

    def run(self, verb: str, *data: str, status: int = 0, **settings: Any) -> Mapping[str, Any]:
        """Run a command with these settings on top of the fleet's own. Returns its report."""
        self._count += 1
        file = self._directory / f"run{self._count}.json"
        words = [word for one in (*data, f"report={file}") for word in ("--data", one)]
        if verb == "abort":
            words = []
        more = {**self._env, "SETTINGS": json.dumps({**self._base, **settings})}
        done = self._fleet.pyinfra(f"deploys/{verb}.py", "-y", *words, timeout=600, environment=more)
        assert done.returncode == status, done.stdout + done.stderr
        report: Mapping[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return {**report, "said": done.stderr}


def between(samples: Sequence[Sample], begin: float, end: float) -> list[Sample]:
    return [one for one in samples if begin <= one.sent < end and one.release]


def steps(bake: float) -> dict[str, Any]:
    shares = [{"weight": share, "bake": bake} for share in SHARES]
    return {"cutover": [*shares, {"weight": 100}], "comparison": {"enabled": False}}


@pytest.mark.slow
def test_every_share_and_the_way_back_from_each(fleet: Fleet, only: str, tmp_path: Path) -> None:
    there_and_back(Shares(fleet, tmp_path, only), [url_of(fleet, only)], tmp_path, only)


def there_and_back(shares: Shares, urls: Sequence[str], directory: Path, name: str) -> None:
    """A release by all shares and the way back from each, under every kind of request: none fails, and each share is
    what was asked."""
    shares.run("release", "ref=v1")
    with Traffic(urls, directory / "samples", rate=None) as traffic:
        old = set(traffic.peek().totals.releases)
        for share in SHARES:
            shares.run("release", "ref=v2", f"until={share}", **steps(0))
            assert set(traffic.peek().totals.releases) > old
            shares.run("abort")
            old = set(traffic.peek().totals.releases)
        windows = []
        whole = shares.run("release", "ref=v2", f"until={SHARES[0]}", **steps(0))
        for following in (*(f"until={share}" for share in SHARES[1:]), ""):
            begin, before = time.time(), traffic.peek().totals.requests
            until(lambda before=before: traffic.peek().totals.requests >= before + 1.1 * REQUESTS, 600)  # type: ignore[misc]
            windows.append((begin, time.time()))
            shares.run("promote", *filter(None, [following]), **steps(0))
        shares.run("rollback")
        report = traffic.stop()
    flawless(report)
    assert set(report.totals.kinds) == set(Kind)
    samples = traffic.samples()
    new = whole["inputs"]["release"]
    for share, window in zip(SHARES, windows, strict=True):
        seen = between(samples, *window)
        found = Counter(one.release == new for one in seen)
        assert len(seen) >= REQUESTS
        measure = 100 * found[True] / len(seen)
        print(f"{name}: asked {share}%, seen {measure:.2f}% of {len(seen)}")
        assert abs(measure - share) <= 2.0
    print(name, measured(report))


@pytest.mark.slow
def test_a_balancer_that_is_killed_comes_back_with_its_share(fleet: Fleet, tmp_path: Path) -> None:
    shares = Shares(fleet, tmp_path)
    shares.run("release", "ref=v1")
    shares.run("release", "ref=v2", f"until={SHARES[0]}", **steps(0))
    for share in SHARES:
        for kind in BALANCERS:
            url, before = url_of(fleet, kind), main_process(fleet, kind)
            kill(fleet, kind)
            until(lambda kind=kind, before=before: main_process(fleet, kind) not in ("0", before))  # type: ignore[misc]
            until(lambda url=url: ask(url).status == 200)  # type: ignore[misc]
            status = fleet.pyinfra("deploys/status.py", "-y").stdout
            line = next(line for line in status.splitlines() if line.split()[:1] == [kind])
            assert f"{share}%" in line
            assert "would restart" not in line
            colors = Counter(ask(url).headers["x-color"] for _ in range(600))
            least = min(colors.values()) if len(colors) == 2 else 0
            # 600 answers: five standard deviations
            assert abs(least / 600 - share / 100) < 5 * math.sqrt(share * (100 - share) / 600) / 100
        following = SHARES[SHARES.index(share) + 1 :]
        if following:
            shares.run("promote", f"until={following[0]}", **steps(0))
    shares.run("abort")


@pytest.mark.slow
def test_two_balancers_one_refusing_both_stay(fleet: Fleet, tmp_path: Path) -> None:
    shares = Shares(fleet, tmp_path)
    Runs(fleet, tmp_path).live("v1")
    urls = [fleet.haproxy_url, fleet.nginx_url]
    live = {ask(url).headers["x-release"] for url in urls}
    state = f"/var/lib/orchestrator/{fleet.known['app']}/weights"
    with Traffic(urls, tmp_path / "samples") as traffic:
        assert fleet.exec("nginx", f"mv {state}/25 {state}/.25 && mv {state}/75 {state}/.75").returncode == 0
        try:
            said = shares.run("release", "ref=v2", status=1, cutover=[{"weight": 25}, {"weight": 100}])["said"]
        finally:
            assert fleet.exec("nginx", f"mv {state}/.25 {state}/25 && mv {state}/.75 {state}/75").returncode == 0
        report = traffic.stop()
    assert "arm 25% failed on nginx" in said
    flawless(report)
    # the new release has answered no request
    assert set(report.totals.releases) == live


# Both colors compared


@pytest.fixture
def busy(fleet: Fleet, tmp_path: Path) -> Iterator[Traffic]:
    """Traffic of quick requests on both balancers."""
    quick = (Kind.keepalive, Kind.fresh)
    with Traffic([fleet.haproxy_url, fleet.nginx_url], tmp_path / "users", rate=300.0, mix=quick) as traffic:
        yield traffic


CANARY: dict[str, Any] = {
    "cutover": [{"weight": 25, "bake": 16}, {"weight": 100}],
    "comparison": {"window": 8, "min_requests": 150},
    "probe": {"enabled": False},
    "warm": [],
}
"""Probe and warming, which would find 5xx as well, are off: the comparison must find them."""


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("errors", "answered 5xx to"),
        pytest.param("slow", "took longer than", marks=pytest.mark.slow),
        pytest.param("tail", "took longer than", marks=pytest.mark.slow),
    ],
)
def test_a_canary_that_is_worse_is_taken_back(
    fleet: Fleet, busy: Traffic, tmp_path: Path, damage: str, words: str
) -> None:
    shares = Shares(fleet, tmp_path)
    Runs(fleet, tmp_path).live("v1")
    live = {ask(url).headers["x-release"] for url in (fleet.haproxy_url, fleet.nginx_url)}
    report = shares.run("release", f"ref={damage}", status=1, **CANARY)
    bake = next(event for event in report["events"] if event.get("stage") == "bake 25%")
    assert bake["failed"]
    assert words in report["reason"]
    assert "Fisher's exact test" in report["reason"]
    assert {ask(url).headers["x-release"] for url in (fleet.haproxy_url, fleet.nginx_url)} == live
    print(damage, f"{bake['seconds']:.1f} s:", report["reason"])


@pytest.mark.slow
def test_without_users_the_policy_decides(fleet: Fleet, tmp_path: Path) -> None:
    shares = Shares(fleet, tmp_path)
    shares.run("release", "ref=v1")
    quiet: dict[str, Any] = {"cutover": [{"weight": 25, "bake": 3}, {"weight": 100}], "probe": {"enabled": False}}
    report = shares.run("release", "ref=v2", status=1, **quiet)
    assert "inconclusive (each color must have answered 500 requests, but " in report["reason"]
    report = shares.run("release", "ref=v2", **quiet, comparison={"on_inconclusive": "go on"})
    assert report["committed"]


@pytest.mark.slow
def test_twenty_releases_of_an_equal_version_are_all_done(fleet: Fleet, busy: Traffic, tmp_path: Path) -> None:
    shares = Shares(fleet, tmp_path)
    shares.run("release", "ref=v1")
    for number in range(20):
        report = shares.run("release", "ref=v1", **CANARY)
        assert report["committed"]
        bake = next(event for event in report["events"] if event.get("stage") == "bake 25%")
        print(number, bake["results"][0]["detail"])

"""Switches under real traffic, judged by the probe: no request is lost, and no old answer comes after a new one."""

from __future__ import annotations

import itertools
import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.layout import BalancerLayout, NodeLayout
from orchestrator.model import Color, Weights
from orchestrator.probe.sample import Kind
from orchestrator.probe.transitions import GRACE, Switch, transitions
from orchestrator.scripts.fastcgi import body, fastcgi_command
from orchestrator.switches import balancer
from tests.fleet.conftest import Fleet
from tests.fleet.traffic import Questions, Run, Traffic, around, ask, flawless, in_flight, measured

SWITCHES = [4, pytest.param(20, marks=pytest.mark.slow)]
"""Back and forth in a row: a few, or all that were promised."""
BALANCERS = ("haproxy", "nginx")
FLIPS = 20_000
QUICK = (Kind.keepalive, Kind.fresh, Kind.post)


class Runs:
    """Runs of the product, each of which must be flawless.

    + switch: the one balancer that decides, empty for both
    """

    def __init__(self, fleet: Fleet, directory: Path, switch: str = "") -> None:
        self._fleet, self._switch = fleet, switch
        self._files = (directory / f"run{number}.json" for number in itertools.count())

    def release(self, ref: str) -> Run:
        return self._run("release", f"ref={ref}")

    def rollback(self) -> Run:
        return self._run("rollback")

    def _run(self, verb: str, *data: str) -> Run:
        file = next(self._files)
        words = [word for one in (*data, f"report={file}") for word in ("--data", one)]
        done = self._fleet.pyinfra(f"deploys/{verb}.py", "-y", *words, SWITCH=self._switch)
        assert done.returncode == 0, done.stdout + done.stderr
        run = Run(json.loads(file.read_text()))
        assert run.report["committed"]
        assert run.report["warnings"] == []
        return run


@pytest.fixture
def runs(fleet: Fleet, tmp_path: Path) -> Runs:
    return Runs(fleet, tmp_path)


@pytest.fixture
def urls(fleet: Fleet) -> list[str]:
    return [fleet.haproxy_url, fleet.nginx_url]


@pytest.fixture
def warm(fleet: Fleet, runs: Runs) -> Runs:
    """Both colors warm on every node, with v1 in one and v2 in the other."""
    answers = [[ask(node[f"{color}_url"]) for node in fleet.nodes] for color in Color]
    found = {frozenset(one.body["version"] if one.status == 200 else "" for one in of_color) for of_color in answers}
    if found != {frozenset({"v1"}), frozenset({"v2"})}:
        runs.release("v1")
        runs.release("v2")
    return runs


@pytest.fixture(params=BALANCERS)
def only(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[str]:
    """One balancer decides, the other stands where it is; at the end it is put where the first one is."""
    kind = str(request.param)
    level(fleet)
    yield kind
    level(fleet)
    color = Color(ask(url_of(fleet, kind)).headers["x-color"])
    for other in BALANCERS:
        shift = balancer(other, BalancerLayout(fleet.known["app"])).shift
        words = ["sh", "-c", shift, "shift", str(Weights.all_to(color).green)]
        done = fleet.ssh(other, shlex.join(words), "deploy")
        assert done.returncode == 0, done.stderr


def level(fleet: Fleet) -> None:
    """Lock, journal and the count of runs are on the first balancer of the inventory, so they are others when SWITCH
    names one balancer; and every place refuses a run with a lower number than it has seen."""
    app = fleet.known["app"]
    store, guards = BalancerLayout(app).journal, [BalancerLayout(app).guard_dir, node_layout(fleet).guard_dir]
    read = f"cat {store}/fence {' '.join(f'{guard}/fence' for guard in guards)} 2>/dev/null || true"
    hosts = [*(node["name"] for node in fleet.nodes), *BALANCERS]
    highest = max((int(word) for host in hosts for word in fleet.ssh(host, read, "deploy").stdout.split()), default=0)
    for host in BALANCERS:
        done = fleet.ssh(host, f"umask 077 && mkdir -p {store} && echo {highest} > {store}/fence", "deploy")
        assert done.returncode == 0, done.stderr


def url_of(fleet: Fleet, kind: str) -> str:
    return {"haproxy": fleet.haproxy_url, "nginx": fleet.nginx_url}[kind]


def node_layout(fleet: Fleet) -> NodeLayout:
    return NodeLayout(fleet.known["app"], f"/srv/{fleet.known['app']}")


def inspected(fleet: Fleet, host: str, color: Color, query: str = "") -> dict[str, Any]:
    """What a color's own FPM says of itself."""
    layout = node_layout(fleet)
    script, root = f"{layout.library}/inspect.php", f"{layout.link(color)}/public"
    done = fleet.ssh(host, fastcgi_command(layout.socket(color), script, query, root), "deploy")
    said = json.loads(body(done.stdout.splitlines()))
    assert isinstance(said, dict)
    return said


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)


# Switches back and forth


@pytest.mark.parametrize("switches", SWITCHES)
def test_switches_back_and_forth_lose_nothing(fleet: Fleet, only: str, tmp_path: Path, switches: int) -> None:
    runs = Runs(fleet, tmp_path, only)
    first, second = runs.release("v1").release, runs.release("v2").release
    with Traffic([url_of(fleet, only)], tmp_path / "samples") as traffic:
        done = [traffic.follow(runs.rollback()) for _ in range(switches)]
        report = traffic.stop()
    samples = traffic.samples()

    flawless(report)
    assert set(report.totals.kinds) == set(Kind)
    assert set(report.totals.releases) == {first, second}
    assert set(report.totals.nodes) == {node["name"] for node in fleet.nodes}
    assert [run.release for run in done] == [first, second] * (switches // 2)
    assert [one.new for one in report.transitions] == [run.release for run in done]
    for one in report.transitions:
        assert one.at is not None
        assert {one.old, one.new} == {first, second}
        assert one.first_new_answered is not None
        assert not one.partial
        assert one.stale == 0
        # the switch met every kind of request
        assert in_flight(samples, Kind.slow, one.first_new_answered)
        assert all(around(samples, kind, one.first_new_answered) for kind in QUICK)
    assert report.stale == 0
    print(only, measured(report))


# One run right after the other


def test_release_rollback_and_release_at_once_one_after_another_lose_nothing(
    fleet: Fleet, urls: list[str], runs: Runs, tmp_path: Path
) -> None:
    runs.release("v1")
    # Two seconds may be over when the next run has come to the restart; these are still answered then.
    long = {"mix": ["slow"], "slow_seconds": 8.0, "connections": 16, "rate": 2.0}
    with Traffic(urls, tmp_path / "samples") as traffic, Traffic(urls, tmp_path / "long", **long) as patient:  # type: ignore[arg-type]
        steps: list[Callable[[], Run]] = [
            lambda: runs.release("v2"),
            runs.rollback,
            lambda: runs.release("v2"),
            lambda: runs.release("v1"),
        ]
        done = [traffic.follow(step()) for step in steps]
        seen = [ask(url) for url in urls]
        report, second_report = traffic.stop(), patient.stop()
    samples = [*traffic.samples(), *patient.samples()]

    flawless(report)
    flawless(second_report)
    assert all(answer.headers["x-release"] == answer.body["release"] == done[-1].release for answer in seen)
    assert all(answer.body["version"] == "v1" for answer in seen)
    status = fleet.pyinfra("deploys/status.py", "-y").stdout
    assert all(run.release in status for run in done)
    assert [one.new for one in report.transitions] == [run.release for run in done]
    for url in urls:  # each balancer for itself: they are told at once, not at the same instant
        mine = [sample for sample in samples if sample.target == url]
        for one in transitions(mine, [Switch(run.shifted, run.release) for run in done]):
            assert one.first_new_answered is not None
            assert one.old != one.new
            assert one.stale == 0
            assert in_flight(mine, Kind.slow, one.first_new_answered)
    # the last release restarted the idle color and left the live one alone
    idle = Color(seen[0].headers["x-color"])
    for node in fleet.nodes:
        born = {color: inspected(fleet, node["name"], color)["master"]["started"] for color in Color}
        assert born[idle] > done[-1].began - 3 > born[idle.other]
    print(measured(report), "long:", measured(second_report))


# A release is never seen stale


def test_a_release_is_never_seen_stale(fleet: Fleet, urls: list[str], runs: Runs) -> None:
    old = runs.release("v1").release
    with Questions(urls) as questions:
        run = runs.release("v2")
        until(lambda: len(questions.answers) >= 1500)
    answers, versions = questions.answers, {old: "v1", run.release: "v2"}

    assert len(answers) >= 1000
    assert [answer for answer in answers if answer.status != 200] == []
    for answer in answers:
        made = answer.body
        assert made["release"] == answer.headers["x-release"]
        assert made["color"] == answer.headers["x-color"]
        assert made["node"] == answer.headers["x-node"]
        assert made["version"] == versions[made["release"]]
    for url in urls:
        mine = [answer for answer in answers if answer.url == url]
        first = min(answer.began for answer in mine if answer.body["version"] == "v2")
        late = [answer for answer in mine if answer.sent > first + GRACE]
        assert len(late) >= 100
        assert [answer for answer in late if answer.body["version"] != "v2"] == []
    print(len(answers), "answers, of them", Counter(answer.body["version"] for answer in answers))


def test_a_color_looks_at_its_files_only_when_it_starts(fleet: Fleet, warm: Runs) -> None:
    layout = node_layout(fleet)
    for node in fleet.nodes:
        for color in Color:
            opcache = inspected(fleet, node["name"], color)["opcache"]
            assert opcache["enabled"] is True
            assert opcache["validate_timestamps"] is False
            release = layout.release(ask(node[f"{color}_url"]).body["release"])
            files = fleet.ssh(node["name"], f"find {release} -name '*.php' | wc -l", "deploy").stdout
            assert opcache["own"] == int(files) > 3
            assert opcache["others"] == 0
    # a file of this moment is cached, too
    young = "public/young.php"
    file = f"{layout.link(Color.blue)}/{young}"
    assert fleet.exec(fleet.nodes[0]["name"], f"echo '<?php return 1;' >{file}").returncode == 0
    said = inspected(fleet, fleet.nodes[0]["name"], Color.blue, f"compile[]={young}&script=young.php")
    assert fleet.exec(fleet.nodes[0]["name"], f"rm {file}").returncode == 0
    assert said["compile"]["files"] == 1
    assert said["opcache"]["script_cached"] is True
    # and it is so: a file that changes under a running color changes nothing
    node = fleet.nodes[0]
    before = ask(node["blue_url"]).body
    file = f"{layout.release(before['release'])}/app/Version.php"
    change = f"cp -p {file} /tmp/Version.php && sed -i 's/v[12]/changed/' {file} && touch -d '+1 hour' {file}"
    assert fleet.exec(node["name"], change).returncode == 0
    try:
        assert "changed" in fleet.exec(node["name"], f"cat {file}").stdout
        assert all(ask(node["blue_url"]).body == before for _ in range(50))
    finally:
        assert fleet.exec(node["name"], f"mv /tmp/Version.php {file}").returncode == 0


# A balancer that comes back


@pytest.mark.parametrize("kind", BALANCERS)
def test_a_balancer_that_is_killed_comes_back_with_its_color(fleet: Fleet, warm: Runs, kind: str) -> None:
    url = url_of(fleet, kind)
    # both ways: a balancer must come back with what it was told, not with what it would take by default
    for _ in Color:
        release = warm.rollback().release
        color = ask(url).headers["x-color"]
        with Questions([url]) as questions:
            before = main_process(fleet, kind)
            kill(fleet, kind)
            until(lambda before=before: main_process(fleet, kind) not in ("0", before))  # type: ignore[misc]
            known = len(questions.answers)
            until(lambda known=known: sum(a.status == 200 for a in questions.answers[known:]) >= 200)  # type: ignore[misc]
        answered = [answer for answer in questions.answers if answer.status]
        assert {(a.status, a.headers["x-color"], a.headers["x-release"]) for a in answered} == {(200, color, release)}


def main_process(fleet: Fleet, kind: str) -> str:
    return fleet.exec(kind, f"systemctl show -p MainPID --value {kind}").stdout.strip()


def kill(fleet: Fleet, kind: str) -> None:
    """SIGKILL to every process of a balancer; who starts it again is systemd, or the operator."""
    show = f"systemctl show --value {kind} -p"
    gone = f'[ "$({show} MainPID)" != {main_process(fleet, kind)} ]'
    done = fleet.exec(
        kind,
        f"systemctl reset-failed {kind}; systemctl kill -s KILL --kill-whom=all {kind}; "
        f"until {gone}; do sleep 0.05; done; {show} Restart | grep -qx always || systemctl start {kind}",
    )
    assert done.returncode == 0, done.stderr


LOST = {
    "haproxy": {
        "entry removed": "printf 'clear map {map}\\n' | socat stdio unix-connect:{socket}",
        "file empty": ": > {map} && {restart}",
        "file garbled": "echo 'neerg 100' > {map} && {restart}",
        "file removed": "rm {map} && {restart}",
        "weight garbled": "echo 'green 1oo' > {map} && {restart}",
    },
    "nginx": {
        "link removed": "rm {link}",
        "link to no weight": "ln -sfnT /tmp {link}",
        "link to a weight that does not exist": "ln -sfnT weights/101 {link}",
        "no link": "rm {link} && mkdir {link}",
        "link removed, restarted": "rm {link} && {restart}",
    },
}

SILENT = {"file removed", "weight garbled"}
"""HAProxy does not start then: nobody answers at all."""


@pytest.mark.parametrize(("kind", "how"), [(kind, how) for kind, hows in LOST.items() for how in hows])
def test_a_balancer_that_cannot_tell_answers_503_and_never_a_color(
    fleet: Fleet, warm: Runs, kind: str, how: str
) -> None:
    layout, url = BalancerLayout(fleet.known["app"]), url_of(fleet, kind)
    killed = f"systemctl reset-failed {kind}; systemctl kill -s KILL --kill-whom=all {kind}; sleep 0.2"
    words = {"map": layout.weights_map, "socket": layout.haproxy_socket, "link": layout.weight_link}
    before = ask(url)
    assert before.status == 200
    state = layout.weights_map if kind == "haproxy" else layout.weight_link
    assert fleet.exec(kind, f"rm -rf /tmp/kept && cp -a {state} /tmp/kept").returncode == 0
    try:
        fleet.exec(kind, LOST[kind][how].format(restart=f"{{ {killed}; systemctl start {kind}; }}", **words))
        if how not in SILENT:
            until(lambda: ask(url).status != 0)
        seen = [ask(url) for _ in range(100)]
    finally:
        mend = f"rm -rf {state} && cp -a /tmp/kept {state} && systemctl reset-failed {kind}; systemctl restart {kind}"
        assert fleet.exec(kind, mend).returncode == 0
    assert {answer.status for answer in seen} <= ({0, 503} if how in SILENT else {503})
    assert all("x-color" not in answer.headers for answer in seen)
    assert all(answer.text == "cannot tell the live color\n" for answer in seen if answer.status)
    until(lambda: ask(url).status == 200)
    assert ask(url).headers["x-color"] == before.headers["x-color"]


# A node's own link


def test_answers_are_never_of_two_colors_however_fast_the_link_of_a_node_flips(
    fleet: Fleet, warm: Runs, tmp_path: Path
) -> None:
    node, layout = fleet.nodes[0], node_layout(fleet)
    before = fleet.ssh(node["name"], f"readlink {layout.live}").stdout.strip()
    flip = (
        f'chdir("{layout.root}"); $end = microtime(true) + 10; '
        f"for ($n = 0; $n < {FLIPS} && microtime(true) < $end; $n++) {{ "
        'symlink($n % 2 ? "blue" : "green", "live.flip"); rename("live.flip", "live"); } echo $n;'
    )
    with Traffic([node["live_url"]], tmp_path / "samples", rate=400.0) as traffic:
        began = time.monotonic()
        try:
            done = fleet.ssh(node["name"], f"php -r {shlex.quote(flip)}", "deploy")
        finally:
            took = time.monotonic() - began
            mend = f"cd {layout.root} && ln -sfnT {before} live.flip && mv -T live.flip live"
            mended = fleet.ssh(node["name"], mend, "deploy")
        report = traffic.stop()

    assert done.returncode == mended.returncode == 0, done.stderr + mended.stderr
    flips = int(done.stdout)
    assert flips >= FLIPS or took >= 10
    flawless(report)
    colors = Counter(sample.color for sample in traffic.samples())
    assert set(colors) == {"blue", "green"}
    assert min(colors.values()) >= 100
    assert len(report.totals.releases) == 2
    print(f"{flips} flips in {took:.1f} s, {report.totals.requests} requests, {dict(colors)}")

"""Switches under real traffic, judged by the probe: no request is lost, and no old answer comes after a new one."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.layout import BalancerLayout
from orchestrator.model import Color
from orchestrator.probe.sample import Kind
from orchestrator.probe.transitions import GRACE, Switch, transitions
from orchestrator.scripts.fastcgi import body, fastcgi_command
from tests.fleet.running import Fleet
from tests.fleet.switching import BALANCERS, Runs, kill, main_process, node_layout, until, url_of
from tests.fleet.traffic import Questions, Run, Traffic, around, ask, flawless, in_flight, measured

SWITCHES = [2, pytest.param(20, marks=pytest.mark.slow)]
"""In a row: back and forth once, or all that were promised."""
FLIPS = 20_000
QUICK = (Kind.keepalive, Kind.fresh, Kind.post)


def inspected(fleet: Fleet, host: str, color: Color, query: str = "") -> dict[str, Any]:
    """The output of the inspection script in a color's PHP-FPM."""
    layout = node_layout(fleet)
    script, root = f"{layout.library}/inspect.php", f"{layout.link(color)}/public"
    done = fleet.ssh(host, fastcgi_command(layout.socket(color), script, query, root), "deploy")
    said = json.loads(body(done.stdout.splitlines()))
    assert isinstance(said, dict)
    return said


# Switches back and forth


@pytest.mark.parametrize("switches", SWITCHES)
def test_switches_back_and_forth_lose_nothing(
    fleet: Fleet, warm: Runs, only: str, tmp_path: Path, switches: int
) -> None:
    runs = Runs(fleet, tmp_path, only)
    second, first = (answer.body["release"] for answer in runs.seen())
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
        assert all(around(samples, kind, one.first_new_answered, reach=2.0) for kind in QUICK)
    assert report.stale == 0
    print(only, measured(report))


# One run right after the other


@pytest.mark.slow
def test_runs_right_after_each_other_lose_nothing(fleet: Fleet, urls: list[str], runs: Runs, tmp_path: Path) -> None:
    runs.live("v1")
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
    old = runs.live("v1")
    with Questions(urls) as questions:
        run = runs.release("v2")
        seen = len(questions.answers)
        until(lambda: all(sum(one.url == url for one in questions.answers[seen:]) >= 200 for url in urls))
    answers, versions = questions.answers, {old: "v1", run.release: "v2"}

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
    # a new file is cached, too; a second file with the same function is no error, because no request loads both files
    node = fleet.nodes[0]
    young, other = "public/young.php", "public/other.php"
    files = " ".join(f"{layout.link(Color.blue)}/{one}" for one in (young, other))
    assert fleet.exec(node["name"], f"echo '<?php function young() {{}}' | tee {files}").returncode == 0
    said = inspected(fleet, node["name"], Color.blue, f"compile[]={young}&compile[]={other}&script=young.php")
    assert fleet.exec(node["name"], f"rm {files}").returncode == 0
    assert (said["compile"]["files"], said["compile"]["failed"]) == (1, 0)
    assert said["opcache"]["script_cached"] is True
    # a file that changes under a running color changes no answer
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
    # both colors: a balancer must come back with its last weight, not with a default
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


STALL = 7
"""Seconds for which no process of the application answers."""


@pytest.mark.slow
def test_nodes_that_all_stall_at_once_lose_no_request(
    fleet: Fleet, urls: list[str], warm: Runs, tmp_path: Path
) -> None:
    color = ask(urls[0]).headers["x-color"]
    pattern = f"^php-fpm: pool {fleet.known['app']}-{color}$"
    stall = f"pkill -STOP -f '{pattern}' && sleep {STALL} && pkill -CONT -f '{pattern}'"
    with (
        Traffic(urls, tmp_path / "samples", connections=12, rate=40.0, slow_seconds=1.0) as traffic,
        ThreadPoolExecutor() as pool,
    ):
        done = list(pool.map(lambda node: fleet.exec(node["name"], stall), fleet.nodes))
        assert [one.returncode for one in done] == [0] * len(fleet.nodes)
        before = traffic.peek().totals.requests
        until(lambda: traffic.peek().totals.requests > before + 50)
        report = traffic.stop()
    flawless(report)
    assert max(sample.ended - sample.sent for sample in traffic.samples()) > STALL / 2, "no request met the stall"


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
"""Cases in which HAProxy does not start, so that no request gets an answer."""


OFTEN = {"file garbled", "link removed, restarted"}
"""The case of each balancer in ``make test``."""


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        pytest.param(kind, how, marks=[] if how in OFTEN else [pytest.mark.slow])
        for kind, hows in LOST.items()
        for how in hows
    ],
)
def test_a_balancer_without_a_weight_answers_503_not_a_color(fleet: Fleet, warm: Runs, kind: str, how: str) -> None:
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


def test_an_answer_is_of_one_color_however_fast_the_link_flips(fleet: Fleet, warm: Runs, tmp_path: Path) -> None:
    node, layout = fleet.nodes[0], node_layout(fleet)
    before = fleet.ssh(node["name"], f"readlink {layout.live}").stdout.strip()
    # until it was enough, and it is told to end
    flip = (
        f'chdir("{layout.root}"); '
        f'for ($n = 0; $n < {FLIPS} || !file_exists("/tmp/enough"); $n++, clearstatcache()) {{ '
        'symlink($n % 2 ? "blue" : "green", "live.flip"); rename("live.flip", "live"); } echo $n;'
    )
    with (
        Traffic([node["live_url"]], tmp_path / "samples", rate=400.0) as traffic,
        ThreadPoolExecutor(1) as pool,
    ):
        flipping = pool.submit(lambda: fleet.ssh(node["name"], f"php -r {shlex.quote(flip)}", "deploy", timeout=300))
        try:
            until(lambda: traffic.peek().totals.requests >= 1000)
        finally:
            fleet.exec(node["name"], "touch /tmp/enough")
            done = flipping.result()
            fleet.exec(node["name"], "rm /tmp/enough")
            mend = f"cd {layout.root} && ln -sfnT {before} live.flip && mv -T live.flip live"
            mended = fleet.ssh(node["name"], mend, "deploy")
        report = traffic.stop()

    assert done.returncode == mended.returncode == 0, done.stderr + mended.stderr
    flips = int(done.stdout)
    assert flips >= FLIPS
    flawless(report)
    colors = Counter(sample.color for sample in traffic.samples())
    assert set(colors) == {"blue", "green"}
    assert min(colors.values()) >= 100
    assert len(report.totals.releases) == 2
    print(f"{flips} flips, {report.totals.requests} requests, {dict(colors)}")

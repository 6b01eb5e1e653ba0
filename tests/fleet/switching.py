"""Runs of the product that must be flawless, and the balancers that they move."""

from __future__ import annotations

import itertools
import json
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.layout import BalancerLayout, NodeLayout
from orchestrator.model import Color, Weights
from orchestrator.switches import balancer
from tests.fleet.running import Fleet, Shape
from tests.fleet.traffic import Answer, Run, ask

BALANCERS = ("haproxy", "nginx")

WORKERS, IDLE = 6, 2
_PHP = {"workers": WORKERS, "idle_workers": IDLE, "preload": "app/Version.php"}
PHP: Shape = {"SETTINGS": json.dumps({"php": _PHP})}
"""PHP-FPM preloads a file, and has fewer workers after the soak window."""

SOAKED: Shape = {"SETTINGS": json.dumps({"php": _PHP, "soak": "3s"})}
"""The same with a short soak window, which provisioning writes into the timers of the nodes."""


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

    def live(self, ref: str) -> str:
        """Give a version the traffic, by a rollback or a release if need be. Returns its release."""
        live, idle = self.seen()
        if live.status == 200 and live.body["version"] == ref:
            return str(live.body["release"])
        return (self.rollback() if idle.status == 200 and idle.body["version"] == ref else self.release(ref)).release

    def seen(self) -> tuple[Answer, Answer]:
        """The answers of the live color and, at the first node, of the idle color; not 200 before a release."""
        live = ask(url_of(self._fleet, self._switch or BALANCERS[0]))
        color = Color(live.headers.get("x-color", Color.blue))
        return live, ask(self._fleet.nodes[0][f"{color.other}_url"])

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
    """The only balancer that runs move. After the test the other balancer gets the same weight."""
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


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)


def main_process(fleet: Fleet, kind: str) -> str:
    return fleet.exec(kind, f"systemctl show -p MainPID --value {kind}").stdout.strip()


def kill(fleet: Fleet, kind: str) -> None:
    """Kill every process of a balancer. systemd or, where it does not, this function starts it again."""
    show = f"systemctl show --value {kind} -p"
    gone = f'[ "$({show} MainPID)" != {main_process(fleet, kind)} ]'
    done = fleet.exec(
        kind,
        f"systemctl reset-failed {kind}; systemctl kill -s KILL --kill-whom=all {kind}; "
        f"until {gone}; do sleep 0.05; done; {show} Restart | grep -qx always || systemctl start {kind}",
    )
    assert done.returncode == 0, done.stderr

"""After the soak window the color without traffic has fewer workers, and all of them before it gets traffic again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model import Color
from orchestrator.scripts.fastcgi import body, status_command
from tests.fleet.conftest import Fleet
from tests.fleet.test_switches import node_layout, until
from tests.fleet.traffic import ask

WORKERS, IDLE = 6, 2
SETTINGS: dict[str, Any] = {"SETTINGS": json.dumps({"php": {"workers": WORKERS, "idle_workers": IDLE}, "soak": "3s"})}


@pytest.fixture
def shrinking(fleet: Fleet) -> Iterator[None]:
    done = fleet.pyinfra("deploys/provision.py", "-y", **SETTINGS)
    assert done.returncode == 0, done.stderr
    yield
    done = fleet.pyinfra("deploys/provision.py", "-y")
    assert done.returncode == 0, done.stderr


def workers(fleet: Fleet, color: Color) -> list[int]:
    """Of each node; 0 while the FPM starts."""
    found = []
    for node in fleet.nodes:
        done = fleet.ssh(node["name"], status_command(node_layout(fleet).socket(color)), "deploy")
        found.append(json.loads(body(done.stdout.splitlines()))["total processes"] if done.stdout else 0)
    return found


def service(fleet: Fleet, color: Color) -> list[str]:
    show = f"systemctl show --property=MainPID --value {node_layout(fleet).service_unit(color, 'ws')}"
    return [fleet.ssh(node["name"], show).stdout for node in fleet.nodes]


def test_the_color_without_traffic_shrinks_and_grows(fleet: Fleet, shrinking: None, tmp_path: Path) -> None:
    every = len(fleet.nodes)
    for ref in ("v1", "v2"):
        done = fleet.pyinfra("deploys/release.py", "-y", "--data", f"ref={ref}", **SETTINGS)
        assert done.returncode == 0, done.stderr
    live = Color(ask(fleet.nodes[0]["live_url"]).body["color"])
    streams = service(fleet, live.other)
    until(lambda: workers(fleet, live.other) == [IDLE] * every)
    assert workers(fleet, live) == [WORKERS] * every
    # what may have streams open was left alone
    assert service(fleet, live.other) == streams
    assert [ask(node[f"{live.other}_url"]).body["version"] for node in fleet.nodes] == ["v1"] * every
    status = fleet.pyinfra("deploys/status.py", "-y", **SETTINGS)
    assert status.stdout.count("(shrunk)") == every
    report = tmp_path / "report"
    done = fleet.pyinfra("deploys/rollback.py", "-y", "--data", f"report={report}", **SETTINGS)
    assert done.returncode == 0, done.stderr
    assert workers(fleet, live.other) == [WORKERS] * every
    stages = [event["stage"] for event in json.loads(report.read_text())["events"] if event["record"] == "results"]
    assert stages.index("start") < stages.index("warm") < stages.index("gate") < stages.index("cutover")
    until(lambda: workers(fleet, live) == [IDLE] * every)

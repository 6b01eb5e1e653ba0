"""After the soak window the color without traffic has fewer workers, and all of them before it gets traffic again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.model import Color
from orchestrator.scripts.fastcgi import body, status_command
from tests.fleet.running import Fleet, Shape
from tests.fleet.switching import IDLE, SOAKED, WORKERS, node_layout, until
from tests.fleet.traffic import ask


@pytest.fixture
def shape() -> Shape:
    return SOAKED


def workers(fleet: Fleet, color: Color) -> list[int]:
    """The number of workers of a color on each node; 0 while PHP-FPM starts."""
    found = []
    for node in fleet.nodes:
        done = fleet.ssh(node["name"], status_command(node_layout(fleet).socket(color)), "deploy")
        found.append(json.loads(body(done.stdout.splitlines()))["total processes"] if done.stdout else 0)
    return found


def service(fleet: Fleet, color: Color) -> list[str]:
    show = f"systemctl show --property=MainPID --value {node_layout(fleet).service_unit(color, 'ws')}"
    return [fleet.ssh(node["name"], show).stdout for node in fleet.nodes]


@pytest.mark.slow
def test_the_color_without_traffic_shrinks_and_grows(fleet: Fleet, tmp_path: Path) -> None:
    every = len(fleet.nodes)
    for ref in ("v1", "v2"):
        done = fleet.pyinfra("deploys/release.py", "-y", "--data", f"ref={ref}", environment=SOAKED)
        assert done.returncode == 0, done.stderr
    live = Color(ask(fleet.nodes[0]["live_url"]).body["color"])
    streams = service(fleet, live.other)
    until(lambda: workers(fleet, live.other) == [IDLE] * every)
    assert workers(fleet, live) == [WORKERS] * every
    # the service, which may have open streams, was not restarted
    assert service(fleet, live.other) == streams
    assert [ask(node[f"{live.other}_url"]).body["version"] for node in fleet.nodes] == ["v1"] * every
    status = fleet.pyinfra("deploys/status.py", "-y", environment=SOAKED)
    assert status.stdout.count("(shrunk)") == every
    report = tmp_path / "report"
    done = fleet.pyinfra("deploys/rollback.py", "-y", "--data", f"report={report}", environment=SOAKED)
    assert done.returncode == 0, done.stderr
    assert workers(fleet, live.other) == [WORKERS] * every
    stages = [event["stage"] for event in json.loads(report.read_text())["events"] if event["record"] == "results"]
    assert stages.index("start") < stages.index("warm") < stages.index("gate") < stages.index("cutover")
    until(lambda: workers(fleet, live) == [IDLE] * every)

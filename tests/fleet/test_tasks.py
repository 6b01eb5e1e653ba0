"""Tasks by name on the fleet: over SSH, line by line, as each user, and killed with the operator's process."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.processes import eventually
from tests.fleet.running import PYINFRA, ROOT, Fleet, Shape
from tests.fleet.site import Site, settings

pytestmark = pytest.mark.slow

TASKS = {
    "who": {"run": "id -un; pwd; echo $RELEASE $COLOR"},
    "web": {"run": "id -un; test -r .env && echo reads", "user": "web"},
    "waits": {"run": "echo begun; while [ ! -e /tmp/goes-on ]; do sleep 0.1; done; echo ended", "on": "first"},
    "hangs": {"run": "echo begun; sleep 4326 & sleep 4326", "on": "first"},
    "hangs-web": {"run": "echo begun; sleep 4326 & sleep 4326", "on": "first", "user": "web"},
}


@pytest.fixture
def shape(site_directory: Path) -> Shape:
    return {"SETTINGS": json.dumps(settings(site_directory, web="true") | {"tasks": TASKS})}


@pytest.fixture(autouse=True)
def a_release(site: Site) -> None:
    """Release a version, unless the live release has the environment file of these settings."""
    if set(site.node("stat -c %U /srv/shop/live/release/.env")) != {"shop-web"}:
        assert site.run("release", "ref=v1", web="true", tasks=TASKS) == 0, site.said


def start(fleet: Fleet, shape: Shape, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(PYINFRA), "inventory/fleet.py", "deploys/task.py", "--data", f"task={name}"],
        cwd=ROOT,
        env={**fleet.env, **shape},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def said(fleet: Fleet, shape: Shape, name: str) -> list[str]:
    with start(fleet, shape, name) as task:
        out, _ = task.communicate(timeout=120)
    assert task.returncode == 0, out
    return out.splitlines()


def test_tasks_run_in_the_live_release(site: Site, shape: Shape) -> None:
    nodes = [node["name"] for node in site.fleet.nodes]
    release = Path(site.node("readlink -f /srv/shop/live/release")[0])
    color = site.node("readlink /srv/shop/live")[0]
    web = site.node("stat -c %U /srv/shop/live/release/.env")[0]
    lines = ["deploy", str(release), f"{release.name} {color}"]
    assert said(site.fleet, shape, "who") == [f"{node} | {line}" for node in nodes for line in lines]
    assert said(site.fleet, shape, "web") == [f"{node} | {line}" for node in nodes for line in (web, "reads")]


def test_the_output_of_a_task_comes_at_once(site: Site, shape: Shape) -> None:
    first = site.fleet.nodes[0]["name"]
    with start(site.fleet, shape, "waits") as task:
        assert task.stdout is not None
        assert task.stdout.readline() == f"{first} | begun\n"
        assert task.poll() is None
        site.node("touch /tmp/goes-on")
        assert task.stdout.readline() == f"{first} | ended\n"
        assert task.wait(60) == 0
    site.node("rm /tmp/goes-on")


@pytest.mark.parametrize("name", ["hangs", "hangs-web"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_task_leaves_no_process(site: Site, shape: Shape, name: str, number: int) -> None:
    running = "pgrep -x -f 'sleep 4326' | wc -l"
    with start(site.fleet, shape, name) as task:
        eventually(lambda: site.node(running)[0] == "2")
        task.send_signal(number)
        assert task.wait(60) == (130 if number == signal.SIGINT else -9)
    eventually(lambda: site.node(running)[0] == "0")

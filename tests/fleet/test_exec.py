"""A command of the operator on the fleet: over SSH, as each user, with a terminal and without, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.processes import eventually
from tests.fleet.running import ROOT, Fleet, Shape
from tests.fleet.safety import Run, Snapshot, snapshot
from tests.fleet.site import SECRETS, Site, settings

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
USED = "/usr/local/lib/orchestrator/shop/used"
HANGS = "trap '' HUP; echo begun; sleep 4328 & sleep 4328"
RUNNING = "pgrep -x -f 'sleep 4328' | wc -l"


def start(fleet: Fleet, shape: Shape, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ORCHESTRATOR, "exec", "inventory/fleet.py", *words],
        cwd=ROOT,
        env={**fleet.env, **shape},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(fleet: Fleet, shape: Shape, *words: str, given: str = "") -> tuple[int, str, str]:
    """The status, the standard output and the standard error of a command."""
    with start(fleet, shape, *words) as process:
        out, err = process.communicate(given, timeout=120)
    return process.returncode, out, err


def test_a_command_runs_in_the_live_release(fleet: Fleet, shape: Shape, before: Snapshot) -> None:
    release = before.release(before.live)
    told = "id -un; pwd; echo $RELEASE $COLOR $ORCHESTRATOR_VERB; cat; echo wrong >&2; exit 7"
    status, out, err = done(fleet, shape, "--", "sh", "-c", told, given="typed\n")
    assert status == 7
    assert out.splitlines() == ["shop-web", f"/srv/shop/releases/{release}", f"{release} {before.live} exec", "typed"]
    assert f"node1: live release {release} ({before.live}), as shop-web\n" in err
    assert err.endswith("\nwrong\n")
    assert snapshot(fleet).said == before.said


@pytest.mark.slow
class TestOnASite:
    """With an environment file, which only the web user can read."""

    @pytest.fixture
    def shape(self, site_directory: Path) -> Shape:
        return {"SETTINGS": json.dumps(settings(site_directory, web="true"))}

    @pytest.fixture(autouse=True)
    def two_releases(self, site: Site) -> Snapshot:
        """Release a version, unless the live release has the environment file of these settings."""
        if set(site.node("stat -c %U /srv/shop/live/release/.env")) != {"shop-web"}:
            for ref in ("v1", "v2"):
                assert site.run("release", f"ref={ref}", web="true") == 0, site.said
        return snapshot(site.fleet)

    def test_each_user_has_its_rights(self, site: Site, shape: Shape) -> None:
        command = ["sh", "-c", "id -un; cat .env >/dev/null 2>&1 && echo reads"]
        assert done(site.fleet, shape, "--", *command)[:2] == (0, "shop-web\nreads\n")
        assert done(site.fleet, shape, "--user", "deploy", "--", *command)[:2] == (1, "deploy\n")

    def test_all_nodes_run_a_command(self, site: Site, shape: Shape, two_releases: Snapshot) -> None:
        command = ["sh", "-c", "echo $RELEASE; cat .env; cat; [ $(id -un) != deploy ]"]
        status, out, err = done(site.fleet, shape, "--all", "--color", "idle", "--", *command, given="never read")
        assert status == 0, err
        now = two_releases
        for node in site.fleet.nodes:
            name = node["name"]
            release = now.release(now.idle, name)
            assert f"{name} | {release}\n" in out
            assert f"{name}: idle release {release} ({now.idle}), as shop-web\n" in err
        assert "MAIL_KEY=***" in out.replace("'", "").replace('"', "")
        for secret in SECRETS.values():
            assert secret not in out + err
        assert "never read" not in out

    def test_a_node_that_is_down_is_named(
        self, site: Site, shape: Shape, broken: Callable[[str, str, str], None]
    ) -> None:
        broken("node1", "systemctl stop ssh.socket ssh.service", "systemctl start ssh.service")
        status, out, err = done(site.fleet, shape, "--", "id")
        assert (status, out) == (3, ""), err
        assert "nothing was run: node1 cannot be reached\n" in err
        status, out, err = done(site.fleet, shape, "node2", "--", "id", "-un")
        assert (status, out) == (0, "shop-web\n"), err
        assert "node2: live release " in err

    def test_a_command_has_a_terminal(self, site: Site, shape: Shape) -> None:
        waits = 'while [ "$(stty size)" != "41 97" ]; do sleep 0.1; done; echo resized'
        told = f"test -t 0 && test -t 1 && tty; read line; echo read $line; {waits}; trap 'echo caught; exit 5' INT; "
        command = ["sh", "-c", f"{told} echo ready; while :; do sleep 0.1; done"]
        words = ["deploys/exec.py", "-y", "--data", f"command={json.dumps(command)}"]
        run = Run(site.fleet, *words, terminal=True, environment=shape)
        run.wait_for("/dev/pts/")
        run.answer("typed\n")
        run.wait_for("read typed")
        run.resize(41, 97)
        run.wait_for("resized")
        run.wait_for("ready")
        run.answer("\x03")
        run.wait_for("^Ccaught")
        assert run.end() == 5, run.text

    @pytest.mark.parametrize("user", ["web", "deploy"])
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_a_command_ends_with_its_operator(self, site: Site, shape: Shape, user: str, number: int) -> None:
        with start(site.fleet, shape, "--user", user, "--", "sh", "-c", HANGS) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            assert site.node(RUNNING) == ["2", "0", "0"]
            os.killpg(process.pid, number)
            assert process.wait(60) in (255, -number)
        eventually(lambda: site.node(RUNNING)[0] == "0", 60)

    def test_a_command_ends_with_its_terminal(self, site: Site, shape: Shape) -> None:
        words = ["deploys/exec.py", "-y", "--data", f"command={json.dumps(['sh', '-c', HANGS])}"]
        run = Run(site.fleet, *words, terminal=True, environment=shape)
        run.wait_for("begun")
        run.hang_up()
        run.end()
        eventually(lambda: site.node(RUNNING)[0] == "0", 60)

    def test_a_release_moves_on_without_the_command(self, site: Site, shape: Shape, two_releases: Snapshot) -> None:
        old = two_releases.release(two_releases.live)
        with start(site.fleet, shape, "--", "sh", "-c", "echo begun; read line; pwd; cat .env >/dev/null") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            for ref in ("v1", "v2", "v1", "v2", "v1", "v2"):
                assert site.run("release", f"ref={ref}", web="true") == 0, site.said
            now = snapshot(site.fleet)
            assert old not in (now.release(now.live), now.release(now.idle))
            # a contract asks this program, and refuses to change the schema
            assert old in site.fleet.ssh("node1", f"sudo -n {USED}", "deploy").stdout
            assert old not in site.fleet.ssh("node2", f"sudo -n {USED}", "deploy").stdout
            out, _ = process.communicate("\n", timeout=60)
        assert (process.returncode, out) == (0, f"/srv/shop/releases/{old}\n")
        assert old not in site.fleet.ssh("node1", f"sudo -n {USED}", "deploy").stdout

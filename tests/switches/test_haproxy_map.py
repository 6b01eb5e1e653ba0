"""HAProxy's map file keeps its weight when root gets the file, and the deploy user writes into it. The real scripts."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.layout import BalancerLayout
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded
from orchestrator.switches.haproxy import HAProxy

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users"),
]

DEPLOY, GROUP = "nobody", grp.getgrgid(65534).gr_name
SOCAT = """#!/bin/sh
read -r command
case $command in
"show map"*) echo "0x1 green $(cat "$RUNNING")" ;;
"set map"*) echo "${command##* }" >"$RUNNING" ;;
esac
"""


class Balancer:
    """A balancer's state directory, and a HAProxy that runs with the weight 0 of green."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.state, self.map = scratch, scratch / "state", scratch / "state/weights.map"
        self.running = scratch / "running"
        self.state.mkdir()
        self.running.write_text("0\n")
        (scratch / "socat").write_text(SOCAT)
        (scratch / "socat").chmod(0o755)
        for path in (self.state, self.running):
            shutil.chown(path, DEPLOY, GROUP)

    def earlier(self, text: str = "green 0\n") -> None:
        """Make the map file as an earlier version did."""
        self.map.write_text(text)
        shutil.chown(self.map, DEPLOY, GROUP)

    def provision(self, weight: int = 100) -> subprocess.CompletedProcess[str]:
        os.chown(self.state, 0, grp.getgrnam(GROUP).gr_gid)
        self.state.chmod(0o1775)
        command = guarded(read("provision/weights_map.sh"), [str(self.map), str(weight), DEPLOY, GROUP], None)
        return subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True)

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the switch as the deploy user."""
        layout = BalancerLayout("shop")
        text = script.replace(layout.weights_map, str(self.map))
        environment = {"PATH": f"{self.scratch}:{os.environ['PATH']}", "RUNNING": str(self.running)}
        login = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return subprocess.run(
            [*login, "sh", "-c", text, "shift", *words], env=environment, capture_output=True, text=True
        )

    def shift(self, weight: int) -> None:
        for script in (SWITCH.arm, SWITCH.shift):
            done = self.run(script, str(weight))
            assert (done.returncode, done.stderr) == (0, "")
        assert self.running.read_text() == f"{weight}\n"

    def is_roots(self) -> bool:
        found = self.map.lstat()
        return (found.st_uid, found.st_mode & 0o7777, self.map.is_symlink()) == (0, 0o664, False)


SWITCH = HAProxy(BalancerLayout("shop"))


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    # pytest's own directories are closed to other users
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        yield Balancer(Path(scratch))


def test_a_new_map_has_the_first_weight(balancer: Balancer) -> None:
    assert balancer.provision(100).returncode == 0
    assert balancer.map.read_text() == "green 100\n"
    assert balancer.is_roots()
    assert [path.name for path in balancer.state.iterdir()] == ["weights.map"]


def test_the_map_of_an_earlier_version_keeps_its_weight(balancer: Balancer) -> None:
    balancer.earlier()
    balancer.shift(25)
    assert balancer.map.read_text() == "green 25\n"
    for _ in range(2):
        assert balancer.provision().returncode == 0
        assert balancer.map.read_text() == "green  25\n"
        assert balancer.is_roots()


def test_a_shift_writes_the_whole_text_into_root_s_file(balancer: Balancer) -> None:
    balancer.provision()
    inode = balancer.map.stat().st_ino
    for weight in (100, 5, 0, 50):
        balancer.shift(weight)
        assert balancer.map.read_text() == f"green {weight:3}\n"
        assert balancer.map.stat().st_ino == inode
    assert balancer.is_roots()


def test_the_deploy_user_cannot_put_a_link_in_the_map_s_place(balancer: Balancer) -> None:
    balancer.provision()
    for command in (f"ln -sf /etc/passwd {balancer.map}", f"mv {balancer.map} x", f"rm -f {balancer.map}"):
        assert balancer.run(f"cd {balancer.state}; {command}").returncode != 0
        assert balancer.is_roots()


def test_a_link_that_the_deploy_user_has_made_is_not_followed(balancer: Balancer) -> None:
    secret = balancer.scratch / "secret"
    secret.write_text("green 42\n")
    secret.chmod(0o600)
    balancer.map.symlink_to(secret)
    assert balancer.provision(100).returncode == 0
    # the deploy user may not read the secret, so there is no weight
    assert (balancer.map.read_text(), secret.read_text()) == ("green 100\n", "green 42\n")
    assert balancer.is_roots()


@pytest.mark.parametrize("text", ["blue 1\n", "green x\n", "green 1000\n"])
def test_a_map_without_a_weight_is_not_replaced(balancer: Balancer, text: str) -> None:
    balancer.earlier(text)
    done = balancer.provision()
    assert done.returncode == 1
    assert f"{balancer.map} has no weight" in done.stderr
    assert balancer.map.read_text() == text


def test_a_map_that_cannot_be_written_is_refused_before_a_shift(balancer: Balancer) -> None:
    balancer.provision()
    balancer.map.chmod(0o644)
    done = balancer.run(SWITCH.arm, "5")
    assert (done.returncode, done.stderr) == (1, f"{balancer.map} cannot be written\n")


def test_a_weight_that_haproxy_refuses_is_not_armed(balancer: Balancer) -> None:
    balancer.provision(25)
    socat = SOCAT.replace('echo "${command##* }" >"$RUNNING"', "echo Unknown map identifier.; echo")
    (balancer.scratch / "socat").write_text(socat)
    done = balancer.run(SWITCH.arm, "5")
    assert (done.returncode, done.stderr) == (1, "HAProxy refused the weight: Unknown map identifier.\n")


def test_without_an_answer_the_former_weight_is_written(balancer: Balancer) -> None:
    balancer.provision(25)
    (balancer.scratch / "socat").write_text(SOCAT.replace('>"$RUNNING"', ""))
    done = balancer.run(SWITCH.shift, "5")
    assert (done.returncode, done.stderr) == (1, "HAProxy did not take the weight 5: 5\n")
    assert balancer.map.read_text() == "green  25\n"

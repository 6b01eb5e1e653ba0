"""Build steps and hooks as the web user. The scripts and the guard are real; fakes stand for sudo and systemd."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api.command import StringCommand

from orchestrator.operations.build import build
from orchestrator.operations.hook import hook
from orchestrator.provision import render
from orchestrator.scripts.guarded import Guard
from tests.fakes.processes import eventually, wait_until_dead
from tests.fakes.world import BIN, GUARD
from tests.provision.test_render import settings

ID = "20260101T120000Z-5d0f0c1"

# Like systemd, this program kills all processes of the command when web-step has ended. The guard cannot kill this
# program, because it has left the guard's process group.
AS_WEB = f"""#!{sys.executable} -IS
import os, signal, subprocess, sys
os.setsid()
with open("{{log}}", "a") as log:
    print("as-web", *sys.argv[1:], file=log)
environment = {{"PATH": "/usr/bin:/bin", "HOME": "/var/www", "USER": "www-data"}}
step = subprocess.Popen(["{{bin}}/web-step", *sys.argv[1:]], env=environment, start_new_session=True)
os.waitid(os.P_PID, step.pid, os.WEXITED | os.WNOWAIT)
os.killpg(step.pid, signal.SIGKILL)
sys.exit(step.wait())
"""

# a command with a child that leaves the process group and the session
STAYS = "setsid sleep 600 & echo $! >child; sleep 600 & echo $! >other; echo $$ >main; touch begun; wait"


class Node:
    """A provisioned node with one release."""

    def __init__(self, path: Path) -> None:
        self.root, self.log, self.bin = path / "shop", path / "log", path / "bin"
        self.release = self.root / "releases" / ID
        self.guard = self.root / "guard"
        for directory in (self.release, self.guard, self.bin):
            directory.mkdir(parents=True)
        self.as_web = self.script("as-web", AS_WEB)
        self.guarding = self.script("guard", GUARD.read_text())
        self.script("web-step", render.web_scripts(settings())["web-step"].replace("/srv/shop-x", str(self.root)))
        self.fence = 1

    def script(self, name: str, text: str) -> str:
        path = self.bin / name
        path.write_text(text.replace("{log}", str(self.log)).replace("{bin}", str(self.bin)))
        path.chmod(0o755)
        return str(path)

    def start(self, command: StringCommand) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", command.get_raw_value()],
            env={"PATH": f"{self.bin}:{BIN}:/usr/bin:/bin", "SECRET": "of the deploy user"},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hook(self, run: str, as_web: str | None = None, seconds: int = 60, preempt: bool = False) -> StringCommand:
        guard = Guard(self.guarding, str(self.guard), self.fence, seconds, preempt)
        command: StringCommand
        (command,) = hook._inner(
            run=run,
            release=ID,
            color="green",
            directory=str(self.release),
            as_web=as_web or self.as_web,
            guard=guard,
        )
        return command

    def build(self, run: str) -> StringCommand:
        guard = Guard(self.guarding, str(self.guard), self.fence, 60)
        command: StringCommand
        (command,) = build._inner(
            root=str(self.root),
            release=ID,
            color="green",
            live=None,
            step="migrate",
            run=run,
            as_web=self.as_web,
            guard=guard,
        )
        return command

    def done(self, command: StringCommand) -> tuple[int | None, str, str]:
        """The exit status, the standard output and the standard error of a command."""
        with self.start(command) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def begun(self) -> list[int]:
        """Wait until the command STAYS has begun. Return its processes."""
        eventually(lambda: (self.release / "begun").exists())
        return [int((self.release / name).read_text()) for name in ("main", "other")]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    child = made.release / "child"
    if child.exists():
        subprocess.run(["kill", "-KILL", child.read_text().strip()], check=False)


def test_a_command_arrives_as_it_is_written(node: Node) -> None:
    run = "printf '%s\\n' \"it's \\\"$COLOR\\\"\" '* $HOME'\npwd\necho two; exit 7\n\n"
    status, out, _ = node.done(node.hook(run))
    assert (status, out) == (7, f'it\'s "green"\n* $HOME\n{node.release}\ntwo\n')
    # the arguments of as-web, which the log of sudo shows, lack the command
    assert node.log.read_text() == f"as-web {ID} green\n"
    assert not (node.guard / "web").exists()


def test_a_command_has_an_environment_of_its_own(node: Node) -> None:
    status, out, err = node.done(node.hook("env; cat"))
    assert (status, err) == (0, "")
    assert sorted(line for line in out.splitlines() if not line.startswith(("PWD=", "SHLVL=", "_=", "OLDPWD="))) == [
        "COLOR=green",
        "HOME=/var/www",
        "LOGNAME=www-data",
        "PATH=/usr/bin:/bin",
        f"RELEASE={ID}",
        f"RELEASE_PATH={node.release}",
        "SHELL=/bin/sh",
        "USER=www-data",
    ]


def test_a_hook_before_there_is_a_release_runs_in_the_root(node: Node) -> None:
    node.release.rmdir()
    assert node.done(node.hook("pwd")) == (0, f"{node.root}\n", "")


def test_a_build_step_that_fails_is_named(node: Node) -> None:
    assert node.done(node.build("touch made")) == (0, "", "")
    assert (node.release / "made").exists()
    assert node.done(node.build("echo why; exit 3")) == (
        1,
        "",
        "why\nmigrate: `echo why; exit 3` ended with status 3\n",
    )


def test_a_node_that_was_not_provisioned_for_it_says_so(node: Node) -> None:
    status, _, err = node.done(node.hook("touch made", as_web="/nowhere/as-web"))
    assert status == 1
    assert err.endswith("this server was provisioned without such commands: run deploys/provision.py\n")
    assert not (node.release / "made").exists()


@pytest.mark.exhaustive
def test_a_command_that_takes_too_long_leaves_no_process(node: Node) -> None:
    with node.start(node.hook(STAYS, seconds=2)) as process:
        processes = node.begun()
        assert process.wait(60) == 137
    for pid in processes:
        wait_until_dead(pid)
    assert not (node.guard / "web").exists()


def test_a_command_that_a_later_run_ends_leaves_no_process(node: Node) -> None:
    with node.start(node.hook(STAYS)) as process:
        processes = node.begun()
        node.fence = 2
        assert node.done(node.hook("echo mine", preempt=True)) == (0, "mine\n", "")
        assert process.wait(60) == 137
    for pid in processes:
        wait_until_dead(pid)

"""A command on a node, by the real scripts `exec.sh` and `console`. A fake stands for sudo."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.provision import render
from orchestrator.scripts.guarded import guarded
from orchestrator.verbs.exec import SCRIPT
from tests.fakes.processes import eventually, wait_until_dead
from tests.provision.test_render import settings

ID = "20260101T120000Z-5d0f0c1"
SUDO = """#!/bin/sh
echo "$@" >>"{log}"
[ "$1 $2 $3" = "-n -u shop-x-web" ] || exit 99
shift 3
exec env -i USER=shop-x-web HOME={home} LANG=C.UTF-8 TERM=dumb "$@"
"""


class Node:
    """A provisioned node with one release."""

    def __init__(self, path: Path) -> None:
        self.root, self.bin, self.log, self.home = path / "shop", path / "bin", path / "log", path / "nonexistent"
        self.release = self.root / "releases" / ID
        for directory in (self.release, self.bin):
            directory.mkdir(parents=True)
        self.script("sudo", SUDO.format(log=self.log, home=self.home))
        self.console = self.script("console", render.console(settings()).replace("/srv/shop-x", str(self.root)))

    def script(self, name: str, text: str) -> str:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)
        return str(self.bin / name)

    @contextmanager
    def running(
        self, run: str, user: str = "web", mark: str = "", release: str = ID, then: str = ""
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command. The shell in between stands for the process of the SSH server, which is yielded.

        + then: what this shell runs when the command has ended
        """
        program = self.console if user == "web" else ""
        words = [str(self.root), release, "green", "shop-x-web" if program else "", program, mark, run]
        command = guarded(SCRIPT, words, None).get_raw_value()
        # this process may ignore the signals, and a command cannot change this
        shell = ["env", "--default-signal=HUP,INT,QUIT", "sh", "-c"]
        with subprocess.Popen(
            [*shell, f"{command}\ncode=$?\n{then}\nexit $code"],
            env={"PATH": f"{self.bin}:/usr/bin:/bin", "SECRET": "of the deploy user"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                # otherwise a failed test would wait for the end of the command
                subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)

    def done(self, run: str, *more: str, given: str = "") -> tuple[int, str, str]:
        with self.running(run, *more) as process:
            out, err = process.communicate(given, timeout=60)
        return process.returncode, out, err


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("user", ["web", "deploy"])
def test_a_command_has_the_input_and_both_outputs(node: Node, user: str) -> None:
    run = "pwd; cat; printf 'two\\0' >&2; exit 7"
    assert node.done(run, user, given="one\nlast") == (7, f"{node.release}\none\nlast", "two\0")


def test_the_web_user_has_an_environment_of_its_own(node: Node) -> None:
    status, out, err = node.done("export ORCHESTRATOR_VERB=exec\nexec env")
    found = dict(line.split("=", 1) for line in out.splitlines())
    home = Path(found.pop("HOME"))
    assert (status, err) == (0, "")
    assert found == {
        "USER": "shop-x-web",
        "LOGNAME": "shop-x-web",
        "SHELL": "/bin/sh",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "RELEASE": ID,
        "COLOR": "green",
        "RELEASE_PATH": str(node.release),
        "ORCHESTRATOR_VERB": "exec",
        "PWD": str(node.release),
    }
    # the home directory of the web user does not exist
    assert home != node.home
    assert not home.exists()


def test_a_home_directory_that_can_be_written_is_kept(node: Node) -> None:
    node.home.mkdir()
    assert node.done('touch "$HOME/history"; echo "$HOME"') == (0, f"{node.home}\n", "")
    assert (node.home / "history").exists()


def test_the_log_of_sudo_does_not_show_the_words(node: Node) -> None:
    assert node.done("echo a-Secret-value-1")[1] == "a-Secret-value-1\n"
    assert f"{node.console} {ID} green" in node.log.read_text()
    assert "Secret" not in node.log.read_text()


def test_a_command_of_each_node_has_no_input(node: Node) -> None:
    assert node.done("cat; echo end", "deploy", "the-mark", given="never read") == (0, "\nthe-mark\nend\n", "")


def test_a_command_may_end_by_a_signal(node: Node) -> None:
    assert node.done("kill -TERM $$")[0] == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_of_the_terminal_is_for_the_command(node: Node, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    run = f"trap 'echo caught; trap - {name}; exit 5' {name}; echo ready; while :; do sleep 0.1; done"
    with node.running(run) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # a terminal sends the signal to each process in the foreground
        found = subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True, text=True, check=True)
        for one in found.stdout.split():
            if int(one) != process.pid:
                subprocess.run(["kill", f"-{name}", one], check=False, capture_output=True)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (5, "caught\n")


@pytest.mark.parametrize("user", ["web", "deploy"])
def test_a_command_ends_with_the_connection(node: Node, user: str) -> None:
    run = "trap '' HUP; sleep 600 & echo $! >child; echo $$ >main; touch begun; wait"
    with node.running(run, user) as server:
        eventually(lambda: (node.release / "begun").exists())
        server.kill()
        # until then, the process that ended would still have a process id
        server.wait(60)
        for name in ("main", "child"):
            wait_until_dead(int((node.release / name).read_text()))


def test_nothing_is_left_when_a_command_has_ended(node: Node) -> None:
    # otherwise the watch of the connection would go on until the connection ends
    with node.running("true", then="while pgrep -x tail -s $$; do sleep 0.1; done >/dev/null") as server:
        assert server.communicate(timeout=60) == ("", "")


def test_a_release_that_is_gone_is_named(node: Node) -> None:
    status, _, err = node.done("true", "web", "", "20260101T120000Z-0000000")
    assert status == 3
    assert "the release 20260101T120000Z-0000000 is no longer on this node: run the command again\n" in err


def test_a_node_of_an_earlier_version_says_so(node: Node) -> None:
    Path(node.console).unlink()
    status, _, err = node.done("true")
    assert status == 3
    assert "run deploys/provision.py, or add --user deploy" in err


@pytest.mark.parametrize(
    "words", [["x", "green", "1", ""], [ID, "red", "1", ""], [ID, "green", "-1", ""], [ID, "green", "1", "!"]]
)
def test_the_program_refuses_other_arguments(node: Node, words: list[str]) -> None:
    done = subprocess.run(["sh", node.console, *words], capture_output=True, text=True, env={"HOME": "/", "USER": "x"})
    assert done.returncode == 64

"""Armed swaps, with the real shell, perl and guard on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.facts.fired import Fired, Swap
from orchestrator.operations.arm import arm, disarm
from orchestrator.operations.guarded import Guard
from orchestrator.provision import render

WINDOW = 0.3
LEAD = 0.7
"""Seconds from arming to the instant: arming takes 0.05 on an idle machine, and 0.3 was seen on a busy one."""
PRECISION = 0.01
"""Seconds after the instant. An idle machine needs 0.0002; the best of several tries on a busy one, this."""

Done = subprocess.CompletedProcess[str]


class Node:
    """A node in a directory, and what is sent to it."""

    def __init__(self, root: Path, guard: Path) -> None:
        self.root = root
        self._guard = guard
        self.at = 0.0
        for directory in ("blue", "green", "guard"):
            (root / directory).mkdir()
        (root / "live").symlink_to("blue")

    @property
    def live(self) -> str:
        return os.readlink(self.root / "live")

    @property
    def armed(self) -> bool:
        return (self.root / "guard/armed").exists()

    @property
    def swap(self) -> Swap:
        return self.swap_of(7)

    def swap_of(self, run: int) -> Swap:
        done = subprocess.run(
            ["sh", "-c", Fired().command(root=str(self.root), run=run).get_raw_value()], capture_output=True, text=True
        )
        return Fired().process(done.stdout.splitlines())

    def arm(self, color: str = "green", after: float = LEAD, fence: int = 7, window: float = WINDOW) -> Done:
        self.at = time.time() + after
        return self._send(arm, fence, color=color, at=self.at, window=window, run=fence)

    def disarm(self, fence: int = 7) -> Done:
        return self._send(disarm, fence)

    def guarded(self, fence: int, *command: str) -> Done:
        return subprocess.run([self._guard, self.root / "guard", str(fence), "5", *command], text=True)

    def processes(self) -> list[int]:
        """The ids of the processes that wait."""
        pattern = f"^orchestrator: swaps {self.root}/live "
        found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def process(self) -> int:
        (pid,) = self.processes()
        return pid

    def past(self, more: float = 0.25) -> None:
        """Until the instant is over."""
        time.sleep(max(0.0, self.at - time.time()) + more)

    def _send(self, operation: Any, fence: int, **arguments: Any) -> Done:
        guard = Guard(str(self._guard), str(self.root / "guard"), fence, 5)
        (command,) = operation._inner(root=str(self.root), guard=guard, **arguments)
        return subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True, timeout=10)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    guard = tmp_path / "guard"
    guard.write_text((render.TEMPLATES / "guard").read_text())
    guard.chmod(0o755)
    root = tmp_path / "shop"
    root.mkdir()
    made = Node(root, guard)
    yield made
    for pid in made.processes():
        os.kill(pid, signal.SIGKILL)


def eventually(true: Callable[[], bool], patience: float = 3.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_swaps_at_the_instant(node: Node):
    late = []
    for color in ("green", "blue", "green"):
        done = node.arm(color)
        assert done.returncode == 0, done.stderr
        assert node.live != color
        assert node.swap.outcome == "waiting"
        eventually(lambda: node.swap.outcome != "waiting")
        assert node.live == color
        swap = node.swap
        assert (swap.outcome, swap.color, swap.at) == ("fired", color, pytest.approx(node.at, abs=1e-5))
        late.append(swap.instant - node.at)
        eventually(lambda: not node.processes())
        assert not node.armed
    assert min(late) < PRECISION
    assert all(0 <= one < WINDOW + 0.1 for one in late)


def test_the_recorded_instant_is_that_of_the_swap(node: Node):
    node.arm()
    node.past()
    assert (node.root / "live").lstat().st_ctime == pytest.approx(node.swap.instant, abs=0.02)


def test_what_is_armed_holds_neither_the_lock_nor_the_caller(node: Node):
    began = time.monotonic()
    assert node.arm(after=2.0).returncode == 0
    assert node.guarded(7, "true").returncode == 0
    assert time.monotonic() - began < 1.9
    pid = node.process()
    assert os.getpgid(pid) == os.getsid(pid) == pid


def test_a_color_that_is_live_already_is_said_so(node: Node):
    node.arm("blue")
    before = (node.root / "live").lstat().st_ino
    node.past()
    assert node.swap.outcome == "already"
    assert (node.root / "live").lstat().st_ino == before


def test_a_node_that_froze_across_the_instant_does_not_swap(node: Node):
    node.arm()
    pid = node.process()
    os.kill(pid, signal.SIGSTOP)
    node.past(WINDOW + 0.1)
    assert node.swap.outcome == "waiting"
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: node.swap.outcome == "late")
    assert node.live == "blue"
    assert not node.armed


def test_a_node_that_froze_for_less_than_the_window_swaps(node: Node):
    node.arm(window=5.0)
    pid = node.process()
    os.kill(pid, signal.SIGSTOP)
    node.past(0.1)
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: node.swap.outcome == "fired")
    assert node.swap.instant - node.at > 0.1


def test_a_node_that_was_disarmed_does_not_swap(node: Node):
    node.arm()
    assert node.disarm().returncode == 0
    assert not node.armed
    eventually(lambda: not node.processes())
    node.past()
    assert (node.live, node.swap.outcome, node.swap.color) == ("blue", "disarmed", "green")
    assert not (node.root / "live.armed").is_symlink()


def test_disarming_a_frozen_node_counts_when_it_thaws(node: Node):
    node.arm(window=10.0)
    pid = node.process()
    os.kill(pid, signal.SIGSTOP)
    node.disarm()
    node.past(0.0)
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: not node.processes())
    assert (node.live, node.swap.outcome) == ("blue", "disarmed")


def test_disarming_where_nothing_is_armed_does_nothing(node: Node):
    assert node.disarm().returncode == 0
    assert node.swap.outcome == "nothing"
    node.arm()
    node.past()
    assert node.disarm().returncode == 0
    assert (node.live, node.swap.outcome) == ("green", "fired")
    assert node.disarm().returncode == 0


def test_a_newer_run_keeps_a_node_from_swapping(node: Node):
    node.arm()
    node.guarded(8, "true")
    node.past()
    assert (node.live, node.swap.outcome) == ("blue", "fenced")


def test_an_older_run_cannot_arm(node: Node):
    node.guarded(8, "true")
    assert node.arm().returncode == 75
    assert not node.processes()
    assert not node.armed


def test_a_command_that_holds_the_lock_at_the_instant_keeps_a_node_from_swapping(node: Node):
    node.arm()
    time.sleep(max(0.0, node.at - 0.3 - time.time()))
    node.guarded(7, "sleep", "0.6")
    eventually(lambda: node.swap.outcome == "locked")
    assert node.live == "blue"


def test_arming_again_replaces_what_was_armed(node: Node):
    node.arm("green")
    first = node.process()
    node.arm("blue", after=LEAD + 0.5)
    eventually(lambda: first not in node.processes())
    assert len(node.processes()) == 1
    node.past()
    assert (node.live, node.swap.outcome, node.swap.color) == ("blue", "already", "blue")


def test_arming_again_replaces_a_frozen_process(node: Node):
    node.arm("green", window=10.0)
    first = node.process()
    os.kill(first, signal.SIGSTOP)
    node.past(0.0)
    done = node.arm("blue")
    assert done.returncode == 0, done.stderr
    os.kill(first, signal.SIGCONT)
    node.past()
    assert (node.live, node.swap.color) == ("blue", "blue")


def test_a_process_that_dies_leaves_the_link_and_says_nothing(node: Node):
    """As a reboot does."""
    node.arm()
    pid = node.process()
    os.kill(pid, signal.SIGKILL)
    node.past()
    assert (node.live, node.swap.outcome) == ("blue", "waiting")
    assert node.disarm().returncode == 0
    assert node.swap.outcome == "disarmed"


def test_the_caller_may_die(node: Node):
    """What was armed goes on without it: its process group is not that of the caller."""
    (command,) = arm._inner(  # type: ignore[attr-defined]
        root=str(node.root), color="green", at=time.time() + LEAD, window=WINDOW, run=7
    )
    node.at = time.time() + LEAD
    caller = subprocess.Popen(["sh", "-c", command.get_raw_value() + "; sleep 60"], start_new_session=True)
    eventually(lambda: bool(node.processes()))
    os.killpg(caller.pid, signal.SIGKILL)
    caller.wait()
    node.past()
    assert (node.live, node.swap.outcome) == ("green", "fired")


def test_an_instant_that_has_passed_is_refused(node: Node):
    done = node.arm(after=-0.5)
    assert done.returncode != 0
    assert "too late" in done.stderr
    assert not node.processes()
    assert not node.armed


def test_an_instant_far_away_is_refused(node: Node):
    done = node.arm(after=7200)
    assert done.returncode != 0
    assert "clock" in done.stderr
    assert not node.processes()


def test_a_node_without_the_color_is_refused(node: Node):
    (node.root / "green").rmdir()
    done = node.arm()
    assert done.returncode != 0
    assert "provision" in done.stderr


def test_a_link_that_cannot_be_renamed_is_said_so(node: Node):
    node.arm()
    (node.root / "live").unlink()
    (node.root / "live").mkdir()
    node.past()
    assert node.swap.outcome == "failed"
    assert node.swap.why


def test_the_record_of_another_run_is_none(node: Node):
    node.arm()
    node.past()
    assert node.swap_of(8).outcome == "nothing"


READER = """
$SIG{TERM} = sub { $end = 1 };
until ($end) { $reads++; defined readlink($ARGV[0]) or $missing++ }
printf "%d %d", $reads, $missing;
"""


def test_the_link_is_never_missing(node: Node):
    reader = subprocess.Popen(["perl", "-e", READER, node.root / "live"], stdout=subprocess.PIPE, text=True)
    try:
        for color in ("green", "blue") * 3:
            assert node.arm(color).returncode == 0
            eventually(lambda: node.swap.outcome != "waiting")
            assert node.swap.outcome == "fired"
    finally:
        reader.terminate()
        said, _ = reader.communicate()
    reads, missing = map(int, said.split())
    assert reads > 10_000
    assert missing == 0

"""Armed swaps, with the real shell, perl and guard on this machine."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.facts.fired import Fired, Swap
from orchestrator.model import Color
from orchestrator.operations.arm import arm, disarm
from orchestrator.provision import render
from orchestrator.scripts.guarded import Guard
from tests.fakes.processes import eventually

pytestmark = pytest.mark.exhaustive

WINDOW = 5.0
LEADS = (0.6, 2.0, 6.0, 20.0)
"""Seconds from arming to the instant; the next one is tried where a busy machine leaves too little of it."""

BEFORE = 1.0
"""More seconds, where something has to be done before the instant."""

PRECISION = 0.01
"""Seconds after the instant, the best of several tries. An idle machine needs 0.0002."""

Done = subprocess.CompletedProcess[str]


class Node:
    """A node in a directory; sends commands to it."""

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

    def arm(self, color: str = "green", fence: int = 7, window: float = WINDOW, at_least: float = 0.0) -> Done:
        """Arm the node for an instant that is not reached at once."""
        live, done = self.live, None
        for lead in LEADS:
            done = self.arm_for(time.time() + at_least + lead, color, fence, window)
            left = self.at - time.time() - at_least
            if left > lead / 3 or (done.returncode and "too late" not in done.stderr):
                return done
            self.disarm(fence)
            self.point(live)
        assert done
        return done

    def arm_for(self, at: float, color: str = "green", fence: int = 7, window: float = WINDOW) -> Done:
        self.at = at
        return self._send(arm, fence, color=color, at=at, window=window, run=fence)

    def point(self, color: str) -> None:
        (self.root / "new").symlink_to(color)
        (self.root / "new").rename(self.root / "live")

    def disarm(self, fence: int = 7) -> Done:
        return self._send(disarm, fence)

    def guarded(self, fence: int, *command: str) -> Done:
        return subprocess.run([self._guard, self.root / "guard", str(fence), "5", *command], text=True)

    @contextmanager
    def holding(self, until: float) -> Iterator[None]:
        """Run a command that holds the guard's lock."""
        seconds = f"{until - time.time():.3f}"
        guarded = [str(self._guard), str(self.root / "guard"), "7", "60"]
        words = [*guarded, "sh", "-c", "echo begun; exec sleep $0", seconds]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as command:
            assert command.stdout
            assert command.stdout.readline() == "begun\n"
            yield

    def processes(self) -> list[int]:
        """The ids of the armed processes, which wait for their instant."""
        pattern = f"^orchestrator: swaps {self.root}/live "
        found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def process(self) -> int:
        (pid,) = self.processes()
        return pid

    def settled(self) -> Swap:
        """Wait for the result of the swap, and return it."""
        eventually(lambda: self.swap.outcome not in ("waiting", "nothing"))
        return self.swap

    def past(self, more: float = 0.25) -> None:
        """Wait until the instant is over."""
        time.sleep(max(0.0, self.at - time.time()) + more)

    def _send(self, operation: Any, fence: int, **arguments: Any) -> Done:
        guard = Guard(str(self._guard), str(self.root / "guard"), fence, 5)
        (command,) = operation._inner(root=str(self.root), guard=guard, **arguments)
        return subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True, timeout=60)


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


def test_a_node_swaps_not_before_the_instant(node: Node) -> None:
    for color in (Color.green, Color.blue):
        done = node.arm(color, window=30.0)
        assert done.returncode == 0, done.stderr
        assert node.live != color
        assert node.swap.outcome == "waiting"
        swap = node.settled()
        assert node.live == color
        assert (swap.outcome, swap.color) == ("fired", color)
        assert swap.at == pytest.approx(node.at, abs=1e-5)
        assert swap.instant >= node.at
        eventually(lambda: not node.processes())
        eventually(lambda: not node.armed)


@pytest.mark.slow
def test_a_node_swaps_at_the_instant(node: Node) -> None:
    late = []
    for color in (Color.green, Color.blue, Color.green):
        node.arm(color)
        late.append(node.settled().instant - node.at)
        eventually(lambda: not node.processes())
    assert min(late) < PRECISION


def test_the_recorded_instant_is_that_of_the_swap(node: Node) -> None:
    node.arm()
    swap = node.settled()
    assert (node.root / "live").lstat().st_ctime == pytest.approx(swap.instant, abs=60)


def test_an_armed_process_holds_neither_lock_nor_caller(node: Node) -> None:
    assert node.arm(at_least=60.0).returncode == 0
    assert node.guarded(7, "true").returncode == 0
    assert time.time() < node.at
    pid = node.process()
    assert os.getpgid(pid) == os.getsid(pid) == pid


def test_a_color_that_is_live_already_is_said_so(node: Node) -> None:
    node.arm("blue")
    before = (node.root / "live").lstat().st_ino
    assert node.settled().outcome == "already"
    assert (node.root / "live").lstat().st_ino == before


@pytest.mark.exhaustive
def test_a_node_that_froze_across_the_instant_does_not_swap(node: Node) -> None:
    node.arm(window=1.0, at_least=BEFORE)
    pid = node.process()
    os.kill(pid, signal.SIGSTOP)
    node.past(1.1)
    assert node.swap.outcome == "waiting"
    os.kill(pid, signal.SIGCONT)
    assert node.settled().outcome == "late"
    assert node.live == "blue"
    eventually(lambda: not node.armed)


@pytest.mark.exhaustive
def test_a_node_that_froze_for_less_than_the_window_swaps(node: Node) -> None:
    node.arm(window=20.0, at_least=BEFORE)
    pid = node.process()
    os.kill(pid, signal.SIGSTOP)
    node.past(0.1)
    os.kill(pid, signal.SIGCONT)
    swap = node.settled()
    assert swap.outcome == "fired"
    assert swap.instant - node.at > 0.1


def test_a_node_that_was_disarmed_does_not_swap(node: Node) -> None:
    node.arm(at_least=60.0)
    assert node.disarm().returncode == 0
    assert not node.armed
    eventually(lambda: not node.processes())
    assert time.time() < node.at
    assert (node.live, node.swap.outcome, node.swap.color) == ("blue", "disarmed", "green")
    assert not (node.root / "live.armed").is_symlink()


@pytest.mark.exhaustive
def test_disarming_a_frozen_node_counts_when_it_thaws(node: Node) -> None:
    node.arm(window=20.0, at_least=BEFORE)
    pid = node.process()
    os.kill(pid, signal.SIGSTOP)
    node.disarm()
    node.past(0.0)
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: not node.processes())
    assert (node.live, node.swap.outcome) == ("blue", "disarmed")


def test_disarming_where_nothing_is_armed_does_nothing(node: Node) -> None:
    assert node.disarm().returncode == 0
    assert node.swap.outcome == "nothing"
    node.arm()
    assert node.settled().outcome == "fired"
    assert node.disarm().returncode == 0
    assert (node.live, node.swap.outcome) == ("green", "fired")
    assert node.disarm().returncode == 0


def test_a_newer_run_keeps_a_node_from_swapping(node: Node) -> None:
    node.arm(at_least=BEFORE)
    node.guarded(8, "true")
    assert node.settled().outcome == "fenced"
    assert node.live == "blue"


def test_an_older_run_cannot_arm(node: Node) -> None:
    node.guarded(8, "true")
    assert node.arm().returncode == 75
    assert not node.processes()
    assert not node.armed


@pytest.mark.exhaustive
def test_a_held_lock_at_the_instant_keeps_a_node_from_swapping(node: Node) -> None:
    node.arm(at_least=BEFORE)
    with node.holding(until=node.at + 2.0):
        node.past(0.0)
    assert node.settled().outcome == "locked"
    assert node.live == "blue"


def test_arming_again_replaces_what_was_armed(node: Node) -> None:
    node.arm("green", at_least=BEFORE)
    first = node.process()
    node.arm("blue")
    eventually(lambda: first not in node.processes())
    swap = node.settled()
    assert (node.live, swap.outcome, swap.color) == ("blue", "already", "blue")


@pytest.mark.exhaustive
def test_arming_again_replaces_a_frozen_process(node: Node) -> None:
    node.arm("green", window=20.0, at_least=BEFORE)
    first = node.process()
    os.kill(first, signal.SIGSTOP)
    node.past(0.0)
    done = node.arm("blue")
    assert done.returncode == 0, done.stderr
    os.kill(first, signal.SIGCONT)
    eventually(lambda: not node.processes())
    assert (node.live, node.swap.outcome, node.swap.color) == ("blue", "already", "blue")


def test_a_process_that_dies_leaves_the_link_and_says_nothing(node: Node) -> None:
    """A reboot kills the armed process."""
    node.arm(at_least=60.0)
    pid = node.process()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not node.processes())
    assert (node.live, node.swap.outcome) == ("blue", "waiting")
    assert node.disarm().returncode == 0
    assert node.swap.outcome == "disarmed"


@pytest.mark.exhaustive
def test_the_caller_may_die(node: Node) -> None:
    """The armed process outlives its caller, because it is in another process group."""
    (command,) = arm._inner(root=str(node.root), color="green", at=time.time() + 3.0, window=20.0, run=7)
    caller = subprocess.Popen(["sh", "-c", command.get_raw_value() + "; sleep 60"], start_new_session=True)
    eventually(lambda: bool(node.processes()))
    os.killpg(caller.pid, signal.SIGKILL)
    caller.wait()
    assert node.live == "blue"
    assert node.settled().outcome == "fired"
    assert node.live == "green"


def test_an_instant_that_has_passed_is_refused(node: Node) -> None:
    done = node.arm_for(time.time() - 0.5)
    assert done.returncode != 0
    assert "too late" in done.stderr
    assert not node.processes()
    assert not node.armed


def test_an_instant_far_away_is_refused(node: Node) -> None:
    done = node.arm_for(time.time() + 7200)
    assert done.returncode != 0
    assert "clock" in done.stderr
    assert not node.processes()


def test_a_node_without_the_color_is_refused(node: Node) -> None:
    (node.root / "green").rmdir()
    done = node.arm()
    assert done.returncode != 0
    assert "provision" in done.stderr


def test_a_link_that_cannot_be_renamed_is_said_so(node: Node) -> None:
    node.arm(at_least=BEFORE)
    (node.root / "live").unlink()
    (node.root / "live").mkdir()
    swap = node.settled()
    assert swap.outcome == "failed"
    assert swap.why


def test_the_record_of_another_run_is_none(node: Node) -> None:
    node.arm()
    node.settled()
    assert node.swap_of(8).outcome == "nothing"


READER = """
$SIG{TERM} = sub { $end = 1 };
until ($end) { $reads++; defined readlink($ARGV[0]) or $missing++ }
printf "%d %d", $reads, $missing;
"""


class Removals:
    """The names that were removed from a directory, or moved out of it, by the kernel's report (inotify)."""

    DELETE, MOVED_FROM = 0x200, 0x40

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        if self._events < 0:
            pytest.skip("this machine has no inotify instance left")
        assert libc.inotify_add_watch(self._events, os.fsencode(directory), self.DELETE | self.MOVED_FROM) >= 0

    def names(self) -> list[str]:
        found, events = [], os.read(self._events, 65536)
        os.close(self._events)
        while events:
            length = int.from_bytes(events[12:16], sys.byteorder)
            found.append(events[16 : 16 + length].rstrip(b"\0").decode())
            events = events[16 + length :]
        return found


def test_the_link_is_renamed_over_and_never_removed(node: Node) -> None:
    assert node.arm().returncode == 0
    removals = Removals(node.root)
    assert node.settled().outcome == "fired"
    assert removals.names() == ["live.armed"]


def test_the_link_is_never_missing(node: Node) -> None:
    reader = subprocess.Popen(["perl", "-e", READER, node.root / "live"], stdout=subprocess.PIPE, text=True)
    try:
        for color in ("green", "blue"):
            assert node.arm(color).returncode == 0
            assert node.settled().outcome == "fired"
    finally:
        reader.terminate()
        said, _ = reader.communicate()
    reads, missing = map(int, said.split())
    assert reads > 1000
    assert missing == 0

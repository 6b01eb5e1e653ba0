"""Schedules of each second and of each minute while releases go back and forth: no tick is left out, none runs twice.

A tick is a start of the command by its timer. On a busy machine, systemd may start the command so late that a second
has no tick. Therefore a test asserts that each start by the timer ran the command exactly once, and, only if no tick
was late, that each second has exactly one tick.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pytest

from tests.fakes.processes import eventually
from tests.fleet.running import Fleet, Shape
from tests.fleet.safety import Calm, Run, snapshot, words

LINE = "$(date +%s.%N) $RELEASE $INVOCATION_ID"
SCHEDULE = [
    {"name": "tick", "command": f"sh -c 'echo {LINE} >>storage/seconds'", "every": "*:*:*"},
    # the application's own, which adds lines of the same form, without a fraction of a second
    {"name": "minutes", "command": "bin/tick"},
]
STORAGE = "/srv/shop/shared/storage"
LOGS = {"tick": f"{STORAGE}/seconds", "minutes": f"{STORAGE}/ticks"}
SECONDS = {"tick": 1, "minutes": 60}

STEPS = ("v2", "v1", "v2", "v1", "v2", "rollback", "v2", "v1", "v2", "v1", "v2")
"""Ten releases and a rollback."""
KILLED = {2: "cutover", 6: "verify", 9: "promote"}
"""Steps in which the operator dies: number of the step -> the stage."""


@pytest.fixture
def shape() -> Shape:
    return {"SETTINGS": json.dumps({"schedule": SCHEDULE})}


@dataclass(frozen=True)
class Tick:
    """A line that the command of a schedule wrote.

    + at: epoch seconds
    + start: systemd's id of the start
    """

    at: float
    release: str
    start: str


class Clock:
    """The ticks of the schedules on each node."""

    def __init__(self, fleet: Fleet, shape: Shape) -> None:
        self.fleet, self.shape = fleet, shape
        self.nodes = [str(node["name"]) for node in fleet.nodes]

    def on(self, node: str, command: str) -> str:
        done = self.fleet.exec(node, command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clear(self) -> None:
        """Forget all ticks. The timers go on."""
        for node in self.nodes:
            self.on(node, f"for file in {' '.join(LOGS.values())}; do [ ! -e $file ] || : >$file; done")

    def ticks(self, node: str, name: str = "tick") -> list[Tick]:
        """The ticks of a schedule on a node, in the order of their lines."""
        words = [line.split() for line in self.on(node, f"[ ! -e {LOGS[name]} ] || cat {LOGS[name]}").splitlines()]
        return [Tick(float(at), release, start) for at, release, start in words]

    def wait(self, node: str, release: str) -> None:
        """Wait for a tick that runs the code of a release."""
        eventually(lambda: release in [tick.release for tick in self.ticks(node)], 60)

    def wait_for_more(self, node: str) -> None:
        """Wait for some more ticks."""
        seen = len(self.ticks(node))
        eventually(lambda: len(self.ticks(node)) > seen + 3, 60)

    def starts(self, node: str, name: str) -> list[str]:
        """The ids of all starts of a schedule's command on a node, as systemd logged them, in order."""
        asked = f"journalctl -o json --output-fields=INVOCATION_ID _PID=1 UNIT=shop-schedule-{name}.service"
        said = [json.loads(line).get("INVOCATION_ID", "") for line in self.on(node, asked).splitlines()]
        return list(dict.fromkeys(filter(None, said)))

    def timers(self, node: str) -> str:
        """Systemd's ids of the starts of the timers: other ids if anything has stopped a timer since."""
        return self.on(node, "systemctl show -p InvocationID -p ActiveState 'shop-schedule-*.timer'")

    def live(self) -> str:
        now = snapshot(self.fleet)
        return now.release(now.live)

    def run(self, verb: str, kill_at: str = "", **data: str) -> str:
        """Run a deploy file. Return the release that is live afterwards.

        + kill_at: if not empty, the operator's process is killed at the line that begins so, and `resume` follows
        """
        run = Run(self.fleet, *words(verb, **data), environment=self.shape)
        if kill_at:
            run.wait_for(kill_at, 240)
            run.kill()
            run = Run(self.fleet, *words("resume"), environment=self.shape)
        assert run.end(300) == 0, run.text
        # a dead node says nothing about the live release
        return self.live() if verb != "schedule" else ""

    def status(self) -> str:
        done = self.fleet.pyinfra(*words("status"), environment=self.shape)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def each_tick_ran_once(self, node: str, releases: Sequence[str]) -> None:
        """Assert that each start by a timer since `clear` ran its command once, with the releases in this order.

        The timers go on, so the last starts may have no line yet.
        """
        for name in LOGS:
            ticks = self.ticks(node, name)
            ids = [tick.start for tick in ticks]
            started = self.starts(node, name)
            first = started.index(ids[0]) if ids else 0
            assert started[first : first + len(ids)] == ids
            assert len(set(ids)) == len(ids)
            assert ticks == sorted(ticks, key=lambda tick: tick.at)
            print(f"{node}: {covered(name, ticks)}")
        assert [release for release, _ in groupby(tick.release for tick in self.ticks(node))] == list(releases)


def covered(name: str, ticks: Sequence[Tick]) -> str:
    """Assert that no time of a schedule is missing or doubled, unless the machine was busy. Returns the numbers."""
    numbers = Counter(int(tick.at) // SECONDS[name] for tick in ticks)
    all_times = range(min(numbers, default=0), max(numbers, default=-1) + 1)
    missing = sorted(set(all_times) - set(numbers))
    doubled = sorted(time for time, count in numbers.items() if count > 1)
    late, latest = max(((tick.at % SECONDS[name], tick.at) for tick in ticks), default=(0.0, 0.0))
    said = (
        f"{len(ticks)} ticks of {name} at {len(all_times)} times, {len(numbers)} times covered, missing {missing}, "
        f"doubled {doubled}, the latest tick (at {int(latest)}) began {late:.2f} s after its time"
    )
    is_busy = late > SECONDS[name] / 2
    assert is_busy or not (missing or doubled), said
    return said


@pytest.fixture
def clock(fleet: Fleet, shape: Shape) -> Clock:
    return Clock(fleet, shape)


@pytest.mark.slow
def test_no_tick_is_left_out_or_runs_twice(clock: Clock, calm: Calm) -> None:
    first = clock.run("release", ref="v1")
    clock.clear()
    timers = clock.timers("node1")
    clock.wait("node1", first)
    second = clock.run("release", ref="v2")
    clock.wait("node1", second)
    assert clock.run("rollback") == first
    assert "schedule     node1 runs tick, minutes" in clock.status()
    third = clock.run("release", kill_at="promote", ref="v1")
    clock.wait("node1", third)
    assert clock.timers("node1") == timers
    clock.each_tick_ran_once("node1", [first, second, first, third])
    for node in ("node2", "node3"):
        assert clock.ticks(node) == []
    calm.no_request_failed()


@pytest.mark.slow
def test_no_second_is_lost_over_releases_and_deaths(clock: Clock, calm: Calm) -> None:
    live = [clock.run("release", ref="v1")]
    clock.clear()
    timers = clock.timers("node1")
    clock.wait("node1", live[0])
    for turn, step in enumerate(STEPS):
        kill_at = KILLED.get(turn, "")
        live.append(clock.run("rollback") if step == "rollback" else clock.run("release", kill_at=kill_at, ref=step))
        eventually(lambda: clock.ticks("node1")[-1].release == live[-1], 60)
    calm.no_request_failed()
    # the death of a node that does not run the schedules changes nothing
    clock.fleet.restart("node3")
    clock.wait_for_more("node1")
    assert clock.timers("node1") == timers
    assert clock.ticks("node2") == clock.ticks("node3") == []
    clock.each_tick_ran_once("node1", live)
    # after the death of the node that runs them, no node does so until the command
    clock.fleet.docker("kill", clock.fleet.container("node1"))
    died = time.time()
    try:
        assert "node1 runs tick, minutes, but does not answer" in clock.status()
        assert clock.ticks("node2") == clock.ticks("node3") == []
        clock.run("schedule", node="node2", gone="node1")
        clock.wait("node2", live[-1])
        clock.wait_for_more("node2")
        clock.each_tick_ran_once("node2", live[-1:])
        after = clock.ticks("node2")
    finally:
        clock.fleet.start("node1")
    before = [tick for tick in clock.ticks("node1") if tick.at < died]
    print(f"node1 until its death: {covered('tick', before)}")
    assert before[-1].at < after[0].at
    print(f"{int(after[0].at) - int(before[-1].at) - 1} seconds between the death and the command")
    assert clock.ticks("node3") == []
    clock.run("schedule", node="node1")


@pytest.mark.slow
def test_another_node_takes_over_from_a_dead_node(clock: Clock, calm: Calm) -> None:
    live = clock.run("release", ref="v1")
    clock.clear()
    clock.wait("node1", live)
    calm.probe.stop()
    clock.fleet.docker("kill", clock.fleet.container("node1"))
    try:
        assert "node1 runs tick, minutes, but does not answer" in clock.status()
        assert clock.ticks("node2") == []
        clock.run("schedule", node="node2", gone="node1")
        clock.wait("node2", live)
    finally:
        clock.fleet.start("node1")
    # node1 goes on as before its death, until a command tells it
    assert "node1 runs tick, minutes, too" in clock.status()
    clock.run("schedule")
    before = clock.ticks("node1")
    assert "SCHEDULE" not in clock.status()
    clock.wait_for_more("node2")
    assert clock.ticks("node1")[len(before) + 1 :] == []
    clock.run("schedule", node="node1")
    clock.wait("node1", live)
    clock.each_tick_ran_once("node2", [live])

"""A schedule that ticks each second while releases go back and forth: no tick is left out, and none runs twice."""

from __future__ import annotations

import json
from itertools import groupby

import pytest

from tests.fakes.processes import eventually
from tests.fleet.running import Fleet, Shape
from tests.fleet.safety import Calm, Run, snapshot, words

TICKS = "/srv/shop/shared/storage/ticks"
LINE = "$(date +%s) $RELEASE $INVOCATION_ID"
SCHEDULE = [{"name": "tick", "command": f"sh -c 'echo {LINE} >>storage/ticks/log'", "every": "*:*:*"}]
TIMER, SERVICE, TARGET = "shop-schedule-tick.timer", "shop-schedule-tick.service", "shop-schedule.target"
STARTED = f"journalctl -o cat --output-fields=INVOCATION_ID -o json UNIT={SERVICE} _PID=1"


@pytest.fixture
def shape() -> Shape:
    return {"SETTINGS": json.dumps({"schedule": SCHEDULE})}


class Clock:
    """The ticks of the schedule on each node."""

    def __init__(self, fleet: Fleet, shape: Shape) -> None:
        self.fleet, self.shape = fleet, shape
        self.nodes = [str(node["name"]) for node in fleet.nodes]

    def on(self, node: str, command: str) -> str:
        done = self.fleet.exec(node, command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clear(self) -> None:
        """Forget all ticks. The timers do not run meanwhile."""
        for node in self.nodes:
            self.stop(node)
            self.on(node, f"rm -rf {TICKS} && mkdir -p {TICKS} && touch {TICKS}/log && chown -R shop-web: {TICKS}")
            self.on(node, f"systemctl start {TARGET}")

    def stop(self, node: str) -> None:
        """Stop the timer of a node, and wait until the last command has ended."""
        self.on(node, f"systemctl stop {TARGET} && while systemctl is-active -q {SERVICE}; do sleep 0.1; done")

    def lines(self, node: str) -> list[list[str]]:
        """The ticks of a node: second, release, systemd's id of the start."""
        return [line.split() for line in self.on(node, f"cat {TICKS}/log").splitlines()]

    def wait(self, node: str, release: str) -> None:
        """Wait for a tick that runs the code of a release."""
        eventually(lambda: release in [line[1] for line in self.lines(node)], 60)

    def starts(self, node: str) -> list[str]:
        """The ids of all starts of the command on a node, as systemd logged them, in order."""
        said = [json.loads(line).get("INVOCATION_ID", "") for line in self.on(node, STARTED).splitlines()]
        return list(dict.fromkeys(filter(None, said)))

    def timer(self, node: str) -> str:
        """Systemd's id of the start of the timer: another id if anything has stopped the timer since."""
        return self.on(node, f"systemctl show -p InvocationID -p ActiveState {TIMER}")

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

    def each_tick_ran_once(self, node: str, releases: list[str], until_it_moved: bool = False) -> None:
        """Assert that each start of the timer since `clear` ran the command once, with the releases in this order.

        + until_it_moved: whether another node now runs the schedule, so that the last starts ran nothing
        """
        self.stop(node)
        lines = self.lines(node)
        ids = [line[2] for line in lines]
        assert len(set(ids)) == len(ids)
        started = self.starts(node)
        started = started[started.index(ids[0]) :]
        assert (started[: len(ids)] if until_it_moved else started) == ids
        assert [release for release, _ in groupby(line[1] for line in lines)] == releases
        seconds = [int(line[0]) for line in lines]
        assert seconds == sorted(seconds)
        missing = sorted(set(range(seconds[0], seconds[-1] + 1)) - set(seconds))
        print(f"{len(lines)} ticks in {seconds[-1] - seconds[0] + 1} seconds, without a tick: {missing}")


@pytest.fixture
def clock(fleet: Fleet, shape: Shape) -> Clock:
    return Clock(fleet, shape)


@pytest.mark.slow
def test_no_tick_is_left_out_or_runs_twice(clock: Clock, calm: Calm) -> None:
    first = clock.run("release", ref="v1")
    clock.clear()
    timer = clock.timer("node1")
    clock.wait("node1", first)
    second = clock.run("release", ref="v2")
    clock.wait("node1", second)
    assert clock.run("rollback") == first
    assert "schedule     node1 runs tick" in clock.status()
    third = clock.run("release", kill_at="promote", ref="v1")
    clock.wait("node1", third)
    assert clock.timer("node1") == timer
    clock.each_tick_ran_once("node1", [first, second, first, third])
    for node in ("node2", "node3"):
        assert clock.lines(node) == []
    calm.no_request_failed()


@pytest.mark.slow
def test_ten_releases_and_three_deaths_of_the_operator(clock: Clock, calm: Calm) -> None:
    live = [clock.run("release", ref="v1")]
    clock.clear()
    timer = clock.timer("node1")
    clock.wait("node1", live[0])
    for turn in range(10):
        kill_at = {2: "cutover", 5: "verify", 8: "promote"}.get(turn, "")
        if turn in (4, 7):
            live.append(clock.run("rollback", kill_at=kill_at))
        else:
            live.append(clock.run("release", kill_at=kill_at, ref=("v2", "v1")[turn % 2]))
        eventually(lambda: clock.lines("node1")[-1][1] == live[-1], 60)
    assert clock.timer("node1") == timer
    clock.each_tick_ran_once("node1", live)
    calm.no_request_failed()


@pytest.mark.slow
def test_another_node_takes_over_from_a_dead_node(clock: Clock, calm: Calm) -> None:
    live = clock.run("release", ref="v1")
    clock.clear()
    clock.wait("node1", live)
    calm.probe.stop()
    clock.fleet.docker("kill", clock.fleet.container("node1"))
    try:
        assert "node1 runs tick, but does not answer" in clock.status()
        assert clock.lines("node2") == []
        clock.run("schedule", node="node2", gone="node1")
        clock.wait("node2", live)
    finally:
        clock.fleet.start("node1")
    # node1 goes on as before its death, until a command tells it
    assert "node1 runs tick, too" in clock.status()
    clock.run("schedule")
    before = clock.lines("node1")
    assert "SCHEDULE" not in clock.status()
    seen = len(clock.lines("node2"))
    eventually(lambda: len(clock.lines("node2")) > seen + 3, 60)
    assert clock.lines("node1")[len(before) + 1 :] == []
    clock.run("schedule", node="node1")
    clock.wait("node1", live)
    clock.each_tick_ran_once("node2", [live], until_it_moved=True)
    clock.on("node2", f"systemctl start {TARGET}")

"""Queue workers while releases go back and forth: each job is done once, and none by a release that was retired."""

from __future__ import annotations

import base64
import functools
import json
import re
from typing import Any

import pytest
from typing_extensions import override

from tests.fakes.processes import eventually
from tests.fleet.queues import Done, HandOvers, processes
from tests.fleet.running import Fleet, Provisioning, Shape
from tests.fleet.safety import Calm, snapshot

QUEUE = "/srv/shop/shared/storage/queue"
WORKER = r"""
cd storage/queue
[ ! -e crash-$COLOR ] || { echo "the queue refuses $COLOR"; exit 1; }
[ ! -e hungry-$COLOR ] ||
    exec php -d memory_limit=-1 -r 'echo "needs 300 MiB\n"; $all = str_repeat("a", 300 << 20); sleep(600);'
stop=
trap 'stop=1' TERM
while [ -z "$stop" ] || [ -e endless-$COLOR ]; do
    took=
    for job in todo/*; do
        name=${job##*/}
        # rename(2) gives a job to one process only
        mv "$job" "taken/$name" 2>/dev/null || continue
        at=$(date +%s.%N)
        sleep "0.${name%%-*}"
        echo "$name $RELEASE $at" >>done
        took=1
        break
    done
    [ -n "$took" ] || sleep 0.05
done
"""
"""The command of the worker. The name of a job begins with its milliseconds."""

PATIENT = 60
"""Seconds within which a busy machine has started a worker, so that the release sees how the worker ends."""

FILL = f"""
rm -rf {QUEUE} && mkdir -p {QUEUE}/todo {QUEUE}/taken && cd {QUEUE} && echo "$worker" | base64 -d >worker && touch done
for number in $(seq $jobs); do : >"todo/$(printf '%03d' $((50 + number * 37 % 450)))-$number"; done
chown -R shop-web: {QUEUE}
"""


def with_worker(**more: Any) -> Shape:
    worker = {"name": "queue", "command": "sh storage/queue/worker", "count": 2, "survive": 1, "finish": 5}
    return {"SETTINGS": json.dumps({"workers": [worker | more]})}


@pytest.fixture
def shape() -> Shape:
    return with_worker()


class Queue(HandOvers):
    """A queue on each node, and when which release may take jobs from the queues."""

    def __init__(self, fleet: Fleet, shape: Shape) -> None:
        super().__init__(fleet, shape)
        self._jobs = 0

    def fill(self, jobs: int) -> None:
        """Give each node a new queue with so many jobs."""
        self.forget()
        self._jobs = jobs
        worker = base64.b64encode(WORKER.encode()).decode()
        for node in self.nodes:
            done = self.fleet.exec(node, f"jobs={jobs} worker={worker}\n{FILL}")
            assert done.returncode == 0, done.stderr

    @override
    def live(self) -> str:
        now = snapshot(self.fleet)
        return now.release(now.live)

    def finish(self) -> None:
        """Wait until all jobs are done."""
        for node in self.nodes:
            eventually(functools.partial(self._has_finished, node), 300)

    def _has_finished(self, node: str) -> bool:
        return len(self.done(node)) == self._jobs

    def on(self, node: str, command: str) -> str:
        done = self.fleet.exec(node, f"cd {QUEUE} && {command}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def everywhere(self, command: str) -> None:
        for node in self.nodes:
            self.on(node, command)

    def done(self, node: str) -> list[Done]:
        """The jobs that a node has done."""
        lines = [line.split() for line in self.on(node, "cat done").splitlines()]
        return [Done(name, release, float(at)) for name, release, at in lines]

    def all_are_done_once(self) -> None:
        """Assert that each job was done once, so none was killed, and none was taken by a release without traffic."""
        for node in self.nodes:
            self.each_is_done_once(self.done(node), self._jobs)

    def processes(self, node: str) -> dict[str, int]:
        return processes(self.fleet, node)

    def only(self, color: str) -> None:
        """Assert that each node runs the worker's two processes of one color, and no other."""
        assert [self.processes(node) for node in self.nodes] == [{color: 2}] * len(self.nodes)


@pytest.fixture
def queue(fleet: Fleet, shape: Shape) -> Queue:
    made = Queue(fleet, shape)
    made.fill(0)
    return made


def test_a_release_and_a_rollback_hand_the_queue_over(queue: Queue, calm: Calm) -> None:
    queue.run("release", ref="v1")
    queue.only(calm.before.idle)
    queue.fill(60)
    queue.run("release", ref="v2")
    queue.only(calm.before.live)
    queue.run("rollback")
    queue.only(calm.before.idle)
    queue.finish()
    queue.all_are_done_once()
    shown = queue.fleet.pyinfra("deploys/status.py", environment=queue.shape)
    now = snapshot(queue.fleet)
    assert f"workers      node1 {now.live} {now.release(now.live)}: queue 2/2" in shown.stdout
    calm.no_request_failed()


@pytest.mark.slow
def test_a_worker_that_crashes_fails_the_release(queue: Queue, calm: Calm) -> None:
    queue.run("release", ref="v1")
    live, idle = calm.before.idle, calm.before.live
    before = snapshot(queue.fleet)
    queue.everywhere(f"touch crash-{idle}")
    queue.shape = with_worker(survive=PATIENT)
    failed = queue.run("release", status=1, ref="v2").text
    words_of_it = f"the worker queue ended in its first seconds: the queue refuses {idle}"
    assert f"start workers failed on node1, node2, node3: {words_of_it}" in failed
    after = snapshot(queue.fleet)
    assert (after.live, after.release(live), after.release(idle)) == (live, before.release(live), before.release(idle))
    queue.only(live)
    calm.no_request_failed()


@pytest.mark.slow
def test_a_worker_over_its_memory_fails_the_release(queue: Queue, calm: Calm, provisioning: Provisioning) -> None:
    limited = with_worker(memory_mb=64)
    provisioning.ensure(limited)
    queue.shape = limited
    queue.run("release", ref="v1")
    live, idle = calm.before.idle, calm.before.live
    queue.only(live)
    before = snapshot(queue.fleet)
    queue.everywhere(f"touch hungry-{idle}")
    queue.shape = with_worker(memory_mb=64, survive=PATIENT)
    failed = queue.run("release", status=1, ref="v2").text
    # version 1 of control groups does not tell systemd why the kernel killed the process
    why = r"because (a signal killed it, such as the kernel's if it needs|it needed) more memory than memory_mb"
    words_of_it = rf"the worker queue ended in its first seconds, {why}: needs 300 MiB"
    assert re.search(rf"start workers failed on node1, node2, node3: {words_of_it}", failed), failed
    after = snapshot(queue.fleet)
    assert (after.live, after.release(live), after.release(idle)) == (live, before.release(live), before.release(idle))
    queue.only(live)
    calm.no_request_failed()


@pytest.mark.slow
def test_ten_releases_and_three_deaths_of_the_operator(queue: Queue, calm: Calm) -> None:
    queue.run("release", ref="v1")
    queue.fill(1000)
    for turn in range(10):
        kill_at = {2: "cutover", 5: "start workers", 8: "promote"}.get(turn, "")
        if turn in (4, 7):
            queue.run("rollback", kill_at=kill_at)
        else:
            queue.run("release", ref=("v2", "v1")[turn % 2], kill_at=kill_at)
        queue.only(snapshot(queue.fleet).live)
    queue.finish()
    queue.all_are_done_once()
    calm.no_request_failed()


@pytest.mark.slow
def test_a_worker_that_never_ends_is_left_and_shown(queue: Queue, calm: Calm) -> None:
    queue.run("release", ref="v1")
    old = calm.before.idle
    release = snapshot(queue.fleet).release(old)
    queue.everywhere(f"touch endless-{old}")
    said = queue.run("release", ref="v2").text
    assert f"release {release}) still finishes a job" in said
    assert queue.processes("node1") == {calm.before.live: 2, old: 2}
    # a contract sees the process, too
    assert release in queue.on("node1", "/usr/local/lib/orchestrator/shop/used | cut -d' ' -f1").split()
    shown = queue.fleet.pyinfra("deploys/status.py", environment=queue.shape).stdout
    assert f"FINISHES     node1 queue 1 of {old} ({release}" in shown
    # the color gets new processes, with other numbers, although the former ones are left
    queue.run("rollback")
    eventually(lambda: queue.processes("node1") == {old: 4}, 60)
    queue.everywhere(f"rm endless-{old}")
    eventually(lambda: queue.processes("node1") == {old: 2}, 60)
    calm.no_request_failed()


@pytest.mark.slow
def test_a_worker_that_never_ends_is_killed(queue: Queue, calm: Calm, provisioning: Provisioning) -> None:
    killing = with_worker(over="kill", finish=2)
    provisioning.ensure(killing)
    queue.shape = killing
    queue.run("release", ref="v1")
    old = calm.before.idle
    queue.everywhere(f"touch endless-{old}")
    said = queue.run("release", ref="v2").text
    assert "did not end within 2 s, and was killed" in said
    queue.only(calm.before.live)
    calm.no_request_failed()


@pytest.mark.slow
def test_only_the_live_release_has_workers_after_a_boot(queue: Queue, calm: Calm) -> None:
    queue.run("release", ref="v1")
    calm.probe.stop()
    queue.fleet.restart("node2")
    eventually(lambda: queue.processes("node2") == {calm.before.idle: 2}, 60)


@pytest.mark.slow
def test_workers_end_with_their_setting(queue: Queue, calm: Calm, provisioning: Provisioning) -> None:
    queue.run("release", ref="v1")
    provisioning.ensure({})
    queue.shape = {}
    queue.run("release", ref="v2")
    assert [queue.processes(node) for node in queue.nodes] == [{}] * 3
    calm.no_request_failed()

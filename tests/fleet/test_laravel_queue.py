"""Laravel's database queue and scheduler while releases go back and forth: each job and each minute is done once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from tests.fakes.processes import eventually
from tests.fleet.queues import Done, HandOvers, processes
from tests.fleet.running import Alone, Fleet, Shape, separate
from tests.fleet.safety import words
from tests.fleet.traffic import Traffic, flawless

NODES = ("node1", "node2")
LIVE = "/srv/laravel/live"
STORAGE = "/srv/laravel/shared/storage/app"
SETTINGS = {
    "workers": [{"name": "queue", "command": "php artisan queue:work --max-time=3600", "count": 2}],
    "schedule": [{"name": "minutes", "command": "php artisan schedule:run"}],
}
SHAPE: Shape = {"APP": "laravel", "SWITCH": "haproxy", "SETTINGS": json.dumps(SETTINGS)}


class DatabaseQueue(HandOvers):
    """Laravel's queue in the database, of which the workers on both nodes take jobs."""

    def __init__(self, fleet: Fleet, shape: Shape) -> None:
        super().__init__(fleet, shape)
        self.jobs = 0

    def on(self, server: str, command: str) -> str:
        done = self.fleet.exec(server, command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def sql(self, statement: str) -> str:
        return self.on("mariadb", f'mariadb -N laravel -e "{statement}"')

    @override
    def live(self) -> str:
        return self.on("node1", f"readlink -f {LIVE}/release").rpartition("/")[2]

    def color(self) -> str:
        return self.on("node1", f"readlink {LIVE}")

    def fill(self, most: int) -> None:
        """Fill the queue up to so many jobs, by a command of the live release."""
        command = f"php artisan work:fill {most} {self.jobs + 1}"
        self.jobs += int(self.on("node1", f"cd -P {LIVE}/release && runuser -u laravel-web -- {command}"))

    @contextmanager
    def kept_full(self, most: int) -> Iterator[None]:
        """Fill the queue up to so many jobs again and again, so that jobs wait in each hand-over."""
        stop = threading.Event()

        def feed() -> None:
            while not stop.wait(3):
                self.fill(most)

        with ThreadPoolExecutor(1) as pool:
            feeding = pool.submit(feed)
            try:
                yield
            finally:
                stop.set()
            feeding.result()

    def waiting(self) -> int:
        """The number of jobs that no worker has taken."""
        return int(self.sql("SELECT count(*) FROM jobs WHERE reserved_at IS NULL"))

    def lines(self, node: str, name: str) -> list[list[str]]:
        """The words of each line of a file that the application writes."""
        file = f"{STORAGE}/{name}"
        return [line.split() for line in self.on(node, f"[ ! -e {file} ] || cat {file}").splitlines()]

    def done(self) -> list[Done]:
        """The jobs that both nodes have done."""
        lines = [line for node in NODES for line in self.lines(node, "timed")]
        return [Done(number, release, float(at)) for number, release, at, _ in lines]

    def minutes(self) -> list[Done]:
        """The minutes, counted since 1970, in which a node has run the scheduler."""
        lines = [line for node in NODES for line in self.lines(node, "scheduled")]
        return [Done(str(int(float(at)) // 60), release, float(at)) for at, _, release in lines]

    def wait_for_a_job(self, since: float) -> None:
        """Wait until the live release has done a job that was taken after a moment."""
        live = self.live()
        eventually(lambda: any(one.release == live and one.at > since for one in self.done()), 120)

    def wait_for_a_minute(self, since: float) -> None:
        """Wait until the live release has run the scheduler after a moment."""
        live = self.live()
        eventually(lambda: any(one.release == live and one.at > since for one in self.minutes()), 180)

    def only(self, color: str) -> None:
        """Assert that each node runs the worker's two processes of one color, and no other."""
        assert [processes(self.fleet, node, "laravel") for node in NODES] == [{color: 2}] * len(NODES)

    def all_jobs_are_done_once(self) -> None:
        """Wait until the queue is empty. Assert that no job has failed, was attempted twice, or was killed."""
        eventually(lambda: self.sql("SELECT count(*) FROM jobs") == "0", 300)
        assert self.sql("SELECT payload, exception FROM failed_jobs") == ""
        attempts = {node: Counter(line[3] for line in self.lines(node, "timed")) for node in NODES}
        assert [list(attempts[node]) for node in NODES] == [["1"]] * len(NODES)
        self.each_is_done_once(self.done(), self.jobs)

    def all_minutes_are_done_once(self) -> None:
        """Assert that the scheduler ran once in each minute from the first one to the last one."""
        done = self.minutes()
        numbers = [int(minute.name) for minute in done]
        self.each_is_done_once(done, max(numbers) - min(numbers) + 1)


@pytest.fixture
def queue(
    alone: Alone, docker_compose_command: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseQueue]:
    """The queue of Laravel on two nodes, which have their first release."""
    directory = tmp_path_factory.mktemp("queue") / "fleet"
    with separate(alone, directory, "orchqueue", len(NODES), apps=["laravel"], mariadb=True) as fleet:
        for command in (words("provision"), words("release", ref="v1")):
            done = fleet.pyinfra(*command, timeout=600, environment=SHAPE)
            assert done.returncode == 0, done.stdout + done.stderr
        yield DatabaseQueue(fleet, SHAPE)


@pytest.mark.slow
def test_ten_releases_and_three_deaths_of_the_operator(queue: DatabaseQueue, tmp_path: Path) -> None:
    queue.wait_for_a_minute(0)
    queue.fill(1000)
    with (
        Traffic([queue.fleet.haproxy_url], tmp_path / "samples", connections=4, rate=10.0, slow_seconds=1.0) as traffic,
        queue.kept_full(200),
    ):
        for turn in range(10):
            began = time.time()
            kill_at = {2: "cutover", 5: "start workers", 8: "promote"}.get(turn, "")
            if turn in (5, 7):
                queue.run("rollback", kill_at=kill_at)
            else:
                queue.run("release", ref=("v2", "v1")[turn % 2], kill_at=kill_at)
            assert queue.waiting()
            queue.only(queue.color())
            queue.wait_for_a_job(began)
        report = traffic.stop()
    queue.wait_for_a_minute(time.time())
    queue.all_jobs_are_done_once()
    queue.all_minutes_are_done_once()
    flawless(report)
    releases = Counter(one.release for one in queue.done())
    print(f"{queue.jobs} jobs by {len(releases)} releases {sorted(releases.values())}, {len(queue.minutes())} minutes")
    print(f"{report.totals.requests} requests, {report.totals.failed} failed")

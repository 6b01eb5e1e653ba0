"""Which release may take jobs from a queue at which time, and how often each job was done."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fleet.running import Fleet, Shape
from tests.fleet.safety import Run, words


@dataclass(frozen=True)
class Done:
    """A job that was done.

    + release: the release that did the job
    + at: moment at which the job was taken, in seconds since 1970
    """

    name: str
    release: str
    at: float


@dataclass(frozen=True)
class Span:
    """A time, in seconds since 1970, and the releases that may take jobs during this time."""

    first: float
    last: float
    releases: frozenset[str]


class HandOvers(ABC):
    """The runs that hand a queue over, and the releases that may take jobs before, during and after each run.

    + shape: the environment of inventory/fleet.py for the runs
    """

    def __init__(self, fleet: Fleet, shape: Shape) -> None:
        self.fleet = fleet
        self.shape = shape
        self.nodes = [str(node["name"]) for node in fleet.nodes]
        self._spans: list[Span] = []

    @abstractmethod
    def live(self) -> str:
        """The release with the traffic. Between two runs, only this release may take jobs."""

    def forget(self) -> None:
        """Forget the former runs: the next run is the first one."""
        self._spans = []

    def run(self, verb: str, status: int = 0, kill_at: str = "", **data: str) -> Run:
        """Run a deploy file. Until its end, the release before and the release after may take jobs.

        + kill_at: if not empty, the operator's process is killed at the line that begins so, and `resume` follows
        """
        before, began = self.live(), time.time()
        run = Run(self.fleet, *words(verb, **data), environment=self.shape)
        if kill_at:
            run.wait_for(kill_at, 600)
            run.kill()
            run = Run(self.fleet, *words("resume"), environment=self.shape)
        assert run.end(600) == status, run.text
        ended, after = time.time(), self.live()
        first = self._spans[-1].last if self._spans else 0.0
        self._spans += [Span(first, began, frozenset({before})), Span(began, ended, frozenset({before, after}))]
        return run

    def each_is_done_once(self, done: Sequence[Done], jobs: int) -> None:
        """Assert that so many jobs were done, each job once, and each by a release that might take jobs then."""
        last = Span(self._spans[-1].last, time.time(), frozenset({self.live()}))
        spans = [*self._spans, last]
        names = Counter(one.name for one in done)
        assert {name: times for name, times in names.items() if times != 1} == {}
        assert len(names) == jobs
        for one in done:
            allowed = [span.releases for span in spans if span.first <= one.at < span.last]
            assert one.release in frozenset().union(*allowed), (one, spans)


def processes(fleet: Fleet, node: str, app: str = "shop") -> dict[str, int]:
    """The processes of the worker `queue` that systemd runs on a node: color -> number."""
    units = fleet.exec(node, f"systemctl list-units --plain --no-legend '{app}-*-queue@*'").stdout.splitlines()
    return dict(Counter(unit.split("-")[1] for unit in units if unit.split()[2] in ("active", "deactivating")))

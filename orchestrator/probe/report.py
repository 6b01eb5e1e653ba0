"""The report of a probe. Pure.

The report has totals, the failures of each kind, the longest time without a good answer, the number of answers of each
release, and the transitions from one release to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from orchestrator.probe.sample import Failure, Kind, Sample
from orchestrator.probe.transitions import Switch, Transition, detect, transitions

EXAMPLES = 5
"""Number of failures of each kind that the report describes one by one."""


@dataclass
class Count:
    """The numbers of requests and failures for one kind of request, or for one target (server).

    + failures: kind of failure -> number of failures; kinds without a failure are left out
    """

    requests: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """The number of failures of all kinds."""
        return sum(self.failures.values())

    def add(self, failure: Failure | None) -> None:
        """Count one request.

        + failure: kind of failure; None if the request got a good answer
        """
        self.requests += 1
        if failure is not None:
            self.failures[failure.value] = self.failures.get(failure.value, 0) + 1


@dataclass(frozen=True)
class Mark:
    """A remark that the parent process sent to the probe, for the report.

    + at: time of the remark, in seconds since the epoch
    """

    at: float
    text: str


@dataclass
class Totals:
    """The totals of all samples (results of requests), including samples that are no longer in memory.

    Times are seconds since the epoch. A good answer is a complete answer that is not a failure.

    + requests: number of requests
    + answered: number of complete answers, including answers that are failures, such as a status 500
    + failed: number of failures
    + failures: kind of failure -> number of failures; kinds without a failure are left out
    + kinds: kind of request -> its numbers of requests and failures
    + targets: name of a target (server) -> its numbers of requests and failures
    + releases: value of the header X-Release -> number of good answers
    + nodes: value of the header X-Node -> number of good answers
    + unmarked: number of good answers without the header X-Release
    + gap: the longest time without a good answer, in seconds. Such a time begins with a good answer, and ends with the
      next good answer or with the last failure. Slow requests are ignored. None if no request ended after the first
      good answer
    + gap_at: when the time of `gap` began; None if `gap` is None
    + first_sent, last_ended: when the first request was sent, and when the last request ended; None without requests
    + first_answer, last_answer: when the first and the last complete answer ended; None without complete answers
    + examples: messages about the first `EXAMPLES` failures of each kind
    """

    requests: int = 0
    answered: int = 0
    failed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, Count] = field(default_factory=dict)
    targets: dict[str, Count] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    unmarked: int = 0
    gap: float | None = None
    gap_at: float | None = None
    first_sent: float | None = None
    last_ended: float | None = None
    first_answer: float | None = None
    last_answer: float | None = None
    examples: list[str] = field(default_factory=list)
    _last_good: float | None = field(default=None, repr=False)

    def add(self, sample: Sample) -> None:
        """Add one sample to the totals. Samples must be added in the order in which their requests ended."""
        self.requests += 1
        self.kinds.setdefault(sample.kind.value, Count()).add(sample.failure)
        self.targets.setdefault(sample.target, Count()).add(sample.failure)
        self.first_sent = sample.sent if self.first_sent is None else min(self.first_sent, sample.sent)
        self.last_ended = sample.ended
        if (answered := sample.answered) is not None:
            self.answered += 1
            self.first_answer = answered if self.first_answer is None else self.first_answer
            self.last_answer = answered
        if sample.failure is not None:
            self._fail(sample)
        else:
            self._good(sample)
        if sample.kind is not Kind.slow:
            self._mind_gap(sample)

    @property
    def rate(self) -> float:
        """The number of complete answers a second, from the first request to the last; 0 without answers."""
        if self.first_sent is None or self.last_ended is None or self.last_ended <= self.first_sent:
            return 0.0
        return self.answered / (self.last_ended - self.first_sent)

    def _fail(self, sample: Sample) -> None:
        kind = str(sample.failure)
        self.failed += 1
        self.failures[kind] = self.failures.get(kind, 0) + 1
        if self.failures[kind] <= EXAMPLES:
            node = f" (node {sample.node})" if sample.node else ""
            self.examples.append(f"{kind}: {sample.kind} {sample.target} {sample.detail}{node}")

    def _good(self, sample: Sample) -> None:
        if sample.release:
            self.releases[sample.release] = self.releases.get(sample.release, 0) + 1
        else:
            self.unmarked += 1
        if sample.node:
            self.nodes[sample.node] = self.nodes.get(sample.node, 0) + 1

    def _mind_gap(self, sample: Sample) -> None:
        if self._last_good is not None:
            gap = sample.ended - self._last_good
            if self.gap is None or gap > self.gap:
                self.gap, self.gap_at = gap, self._last_good
        if sample.failure is None:
            self._last_good = sample.ended


@dataclass
class Report:
    """The report of a probe. A sample is the result of one request.

    + totals: totals of all samples
    + unfinished: number of requests that were still in flight when the probe ended. No other number of the report
      includes these requests
    + median, p99: median and 99th percentile of the answer times in seconds, from sending a request to the last byte of
      its answer. Failed requests, and requests of the kind ``slow``, whose answers the server
      delays, are left out. None if no other sample is kept
    + marks: remarks that the parent process sent
    + transitions: changes from one release to another
    + kept: number of samples from which the transitions, the median and the p99 are calculated
    + dropped: number of older samples that were dropped to save memory
    """

    totals: Totals
    unfinished: int = 0
    median: float | None = None
    p99: float | None = None
    marks: list[Mark] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    kept: int = 0
    dropped: int = 0

    @property
    def stale(self) -> int:
        """The number of stale answers in all transitions.

        If a request was sent more than ``GRACE`` seconds (transitions.py) after the new release had begun to answer, an
        answer of the old release to this request is stale.
        """
        return sum(one.stale for one in self.transitions)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict for ``json.dumps``."""
        totals = {k: v for k, v in asdict(self.totals).items() if not k.startswith("_")}
        return asdict(self) | {"totals": totals | {"rate": self.totals.rate}, "stale": self.stale}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        """Make a report from a dict that `to_json` returned. Unknown keys are ignored.

        Raises KeyError or TypeError if the dict is not a report.
        """
        totals = Totals(**{name: data["totals"][name] for name in _names(Totals)})
        totals.kinds = {name: Count(**count) for name, count in totals.kinds.items()}  # type: ignore[arg-type]
        totals.targets = {name: Count(**count) for name, count in totals.targets.items()}  # type: ignore[arg-type]
        report = cls(**{name: data[name] for name in _names(cls)} | {"totals": totals})
        report.marks = [Mark(**mark) for mark in data["marks"]]
        report.transitions = [Transition.from_json(one) for one in data["transitions"]]
        return report


def _names(of: type) -> list[str]:
    return [field.name for field in fields(of) if not field.name.startswith("_")]


def report(
    samples: Sequence[Sample],
    *,
    totals: Totals | None = None,
    switches: Sequence[Switch] = (),
    marks: Sequence[Mark] = (),
    dropped: int = 0,
    unfinished: int = 0,
) -> Report:
    """Make a report from samples (results of requests).

    + samples: the samples that were kept in memory
    + totals: totals of all samples, including dropped samples; None: the totals of ``samples``
    + switches: the cutovers. If no cutover is given and exactly two releases answered, the transition between these two
      releases is found in the samples.
    + marks: remarks that the parent process sent
    + dropped: number of older samples that were dropped to save memory
    + unfinished: number of requests that were still in flight when the probe ended
    """
    seen = totals if totals is not None else total(samples)
    if switches:
        kept_from = min((s.sent for s in samples), default=None) if dropped else None
        found = transitions(samples, switches, kept_from)
    else:
        one = detect(samples) if len(seen.releases) == 2 else None
        found = [one] if one else []
    took = sorted(s.ended - s.sent for s in samples if s.failure is None and s.kind is not Kind.slow)
    return Report(
        totals=seen,
        unfinished=unfinished,
        median=took[len(took) // 2] if took else None,
        p99=took[len(took) * 99 // 100] if took else None,
        marks=list(marks),
        transitions=found,
        kept=len(samples),
        dropped=dropped,
    )


def total(samples: Iterable[Sample]) -> Totals:
    """Return the totals of samples, which may be in any order."""
    totals = Totals()
    for sample in sorted(samples, key=lambda s: s.ended):
        totals.add(sample)
    return totals

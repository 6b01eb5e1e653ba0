"""Traffic for fleet tests: the probe, and a second client that reads every answer itself."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from orchestrator.probe.process import ProbeProcess
from orchestrator.probe.report import Report
from orchestrator.probe.sample import Kind, Sample

CONNECTIONS = 44
"""A quarter of the clients opens a connection for each request, so that 33 connections are always open."""


@dataclass(frozen=True)
class Run:
    """A run of the product, from the file that ``--data report=`` names."""

    report: Mapping[str, Any]

    @property
    def release(self) -> str:
        """The release that got the traffic."""
        return str(self.report["inputs"]["release"])

    @property
    def began(self) -> float:
        """When its first stage was done, in seconds since the epoch."""
        return epoch(self.report["events"][0]["at"])

    @property
    def shifted(self) -> float:
        """Right before the balancers were told: the intent is on record, and what comes next is the shift."""
        events = self.report["events"]
        return epoch(next(e["at"] for e in events if e["record"] == "intent" and e["stage"] == "cutover"))


def epoch(at: str) -> float:
    """A time of a report, in seconds since the epoch."""
    return datetime.fromisoformat(at).timestamp()


class Traffic(ProbeProcess):
    """The probe with every kind of request in flight at once. It keeps every sample.

    + samples: file that gets them
    + rate: requests a second in total, None: as fast as answers come
    """

    def __init__(
        self,
        urls: Sequence[str],
        samples: Path,
        *,
        connections: int = CONNECTIONS,
        rate: float | None = 120.0,
        mix: Sequence[str] = tuple(Kind),
        slow_seconds: float = 2.0,
    ) -> None:
        extra = ("--keep=2000000", f"--samples={samples}")
        super().__init__(
            urls,
            rate=rate,
            connections=connections,
            mix=mix,
            slow_seconds=slow_seconds,
            require_marker=True,
            extra=extra,
        )
        self._samples = samples

    @override
    def __enter__(self) -> Traffic:
        self.start()
        return self

    def follow(self, run: Run) -> Run:
        """Tell the probe when a run moved the traffic, and to which release."""
        at = time.monotonic() - (time.time() - run.shifted)
        self._tell(f"switch {run.release} {at:.6f}")
        return run

    def samples(self) -> list[Sample]:
        """Every request, in the order in which they ended; once it is stopped."""
        return [Sample.from_json(json.loads(line)) for line in self._samples.read_text().splitlines()]


def flawless(report: Report) -> None:
    """Assert that no request failed and that every request was counted."""
    totals = report.totals
    assert totals.requests > 0
    assert not totals.failures, "\n".join(totals.examples)
    assert totals.failed == 0
    assert report.unfinished == 0
    assert report.dropped == 0
    assert report.kept == totals.requests


def in_flight(samples: Sequence[Sample], kind: Kind, at: float) -> int:
    """How many requests of a kind were in flight at an instant."""
    return sum(s.kind is kind and s.sent <= at < s.ended for s in samples)


def around(samples: Sequence[Sample], kind: Kind, at: float, reach: float = 0.5) -> int:
    """How many requests of a kind were sent near an instant."""
    return sum(s.kind is kind and abs(s.sent - at) <= reach for s in samples)


def measured(report: Report) -> str:
    """The measured numbers as text, for ``pytest -s``."""
    totals = report.totals
    kinds = ", ".join(f"{count.requests} {name}" for name, count in totals.kinds.items())
    late = [
        one.last_old_sent - one.first_new_answered
        for one in report.transitions
        if one.last_old_sent is not None and one.first_new_answered is not None
    ]
    return (
        f"{totals.requests} requests ({kinds}), {totals.failed} failed, {report.unfinished} unfinished, longest gap "
        f"{1000 * (totals.gap or 0):.0f} ms, {len(late)} transitions, {report.stale} stale, the last old answer was "
        f"asked for at most {1000 * max(late, default=0):.1f} ms after the first new one"
    )


@dataclass(frozen=True)
class Answer:
    """+ sent: when the request was written, by ``time.monotonic()``; ``began``: when the answer's head was there
    + status: 0 if there was no answer; ``error`` then says why
    """

    url: str
    sent: float
    began: float
    status: int
    headers: Mapping[str, str]
    text: str
    error: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that the application answered. Raises ValueError for another answer."""
        said = json.loads(self.text)
        assert isinstance(said, dict)
        return said


def ask(url: str, path: str = "/", connection: http.client.HTTPConnection | None = None) -> Answer:
    """Send one GET, never repeated, on the given connection or on a new one."""
    mine = connection or http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    sent = time.monotonic()
    try:
        if mine.sock is None:
            mine.connect()
        sent = time.monotonic()
        mine.request("GET", path)
        answer = mine.getresponse()
        began = time.monotonic()
        text = answer.read().decode()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(url, sent, began, answer.status, headers, text)
    except (OSError, http.client.HTTPException) as error:
        mine.close()
        return Answer(url, sent, time.monotonic(), 0, {}, "", f"{type(error).__name__}: {error}")
    finally:
        if connection is None:
            mine.close()


class Questions:
    """Threads that send GETs on kept connections and keep every answer with its body.

    + each: threads an address
    + pause: seconds that each rests between two requests
    + timeout: seconds that an answer may take
    """

    def __init__(self, urls: Sequence[str], each: int = 4, pause: float = 0.01, timeout: float = 10) -> None:
        self._stop = threading.Event()
        self._pause, self._timeout = pause, timeout
        self._found: list[Answer] = []
        self._threads = [threading.Thread(target=self._ask, args=(url,), daemon=True) for url in [*urls] * each]

    def _ask(self, url: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=self._timeout)
        while not self._stop.wait(self._pause):
            self._found.append(ask(url, connection=connection))
        connection.close()

    @property
    def answers(self) -> list[Answer]:
        """The answers in the order of their arrival."""
        return list(self._found)

    def __enter__(self) -> Questions:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

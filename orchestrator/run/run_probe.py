"""Controls the probe of a run.

Usually, the probe starts before the first cutover. Then the run knows whether requests had already failed before that
cutover. If none had failed, a single failure since then fails the run. If some had failed, the run compares the rates
of failures before and since the cutover by Fisher's exact test, as the comparison of the colors does.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import gevent

from orchestrator.comparison.judge import chance
from orchestrator.config import Settings
from orchestrator.errors import CommandFailed, NotYet, ProbeError
from orchestrator.model import Weights
from orchestrator.probe.process import ProbeProcess
from orchestrator.probe.report import Report, Totals
from orchestrator.probe.url import read
from orchestrator.waiting import until


@dataclass(frozen=True)
class Counted:
    """The numbers of the probe at one moment.

    + failures: kind of failure -> number of failures
    """

    requests: int
    failures: dict[str, int]

    @classmethod
    def of(cls, totals: Totals) -> Counted:
        return cls(totals.requests, dict(totals.failures))

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def since(self, before: Counted) -> Counted:
        """Return the numbers from an earlier moment until this moment."""
        kinds = {kind: count - before.failures.get(kind, 0) for kind, count in self.failures.items()}
        return Counted(self.requests - before.requests, {kind: count for kind, count in kinds.items() if count > 0})


NOTHING = Counted(0, {})

INTERVAL = 0.05
"""Seconds between two looks at the number of requests that have ended."""


class Proof(NamedTuple):
    """The result of the probe at the end of a run.

    + detail: one line for the report, with the numbers of the probe
    + doubt: why the probe does not prove that no request failed because of the run; empty if the probe proves this
    """

    detail: str
    doubt: str = ""


class RunProbe:
    """Starts, reads and ends the probe's process.

    If the process ends too early or does not answer, the run continues without a probe. In this case, `shifting`,
    `look` and `close` do nothing, and the result of `end` says that nothing is proved.

    + since: name of the moment from which failures count, for messages
    + report: the probe's report, None until the probe has ended
    """

    def __init__(self, settings: Settings, since: str = "the cutover") -> None:
        self._settings = settings
        self._since = since
        self._probe: ProbeProcess | None = None
        self._prepared: gevent.Greenlet | None = None
        self._before: Counted | None = None
        self._ended: dict[str, int] = {}
        """URL of the switch, without its path -> number of requests that had ended before the last cutover."""
        self._waits = False
        self._looks = 0
        self._release = ""
        self.report: Report | None = None

    def prepare(self) -> None:
        """Start the process of the probe beside the run, and return at once. The probe sends no request before `begin`.

        The start of this process takes as long as several round trips to the servers.
        """
        self._prepared = gevent.spawn(self._launched)

    def begin(self, release: str, first: bool = False) -> str:
        """Start the probe. Return a line of detail for the report. Raises ProbeError if the probe does not start.

        + release: the release to which the run moves the traffic
        + first: whether no release was live before, or whether the site is closed. Then no release answers the requests
          of users, so the probe starts when the new release has all the traffic
        """
        self._release, self._waits = release, first
        if first:
            return "starts after the cutover, because users get no answer from a release before the cutover"
        return self._start()

    def _start(self) -> str:
        self._waits = False
        process = self._take_prepared() or self._new()
        process.start()
        self._probe = process
        return f"{self._settings.probe.rate:g} requests a second to each address, {len(self._urls)} addresses"

    def _new(self) -> ProbeProcess:
        probe, urls = self._settings.probe, self._urls
        return ProbeProcess(
            urls,
            probe.paths,
            probe.rate * len(urls),
            probe.connections,
            probe.timeout,
            self._settings.token,
            host=probe.host,
            ca=probe.ca,
            http2=probe.http2,
        )

    def _launched(self) -> ProbeProcess:
        process = self._new()
        # if the process cannot be started now, `start` tries again, and raises the error
        with suppress(OSError):
            process.launch()
        return process

    def _take_prepared(self) -> ProbeProcess | None:
        prepared, self._prepared = self._prepared, None
        process: ProbeProcess | None = prepared.get() if prepared is not None else None
        return process

    @property
    def _urls(self) -> list[str]:
        return [url for switch in self._settings.switches for url in switch.urls]

    def shifting(self, weights: Weights) -> None:
        """Prepare the probe for a shift of traffic. Call this method right before the shift.

        The first call also calls `count_from_now`. If a color will get all the traffic, this method stores how many
        requests have ended until now, and records the cutover in the probe's report. The report then counts the answers
        that the old release still gives after the cutover.

        + weights: the weights after the shift
        """
        if self._probe is None:
            return
        if self._before is None:
            self.count_from_now()
        try:
            if weights.live is not None and self._probe is not None:
                self._ended = _ended(self._probe.peek())
                self._probe.switch(self._release)
        except ProbeError:
            self._lose()

    def verified(self) -> None:
        """Start the probe if `begin` has put off the start. The new release now has all the traffic.

        Raises ProbeError if the probe does not start.
        """
        if self._waits:
            self._start()

    def count_from_now(self) -> None:
        """Store how many requests were sent and have failed until now. `look` and `end` judge only later requests."""
        if self._probe is None:
            return
        try:
            report = self._probe.peek()
            self._before, self._ended = Counted.of(report.totals), _ended(report)
        except ProbeError:
            self._lose()

    def look(self) -> None:
        """Raise NotYet if requests have failed since the first cutover, and earlier failures do not explain this."""
        if self._probe is None:
            return
        try:
            self._judge(self._probe.peek())
        except ProbeError:
            self._lose()

    def end(self, after: float, judged: bool) -> Proof:
        """Send more requests at the raised rate, then end the probe. Return its result.

        If the result is judged, the probe ends when enough requests to each URL have ended since the last cutover
        (setting ``probe.answers``).

        + after: seconds for which the probe runs at least
        + judged: whether to raise NotYet in two cases: so many requests have failed since the first cutover that
          earlier failures do not explain the number; or the probe proves nothing, and the setting ``probe.proof`` is
          ``strict``

        Raises ProbeError if a probe that had to wait does not start.
        """
        if self._waits:
            # a resumed run does not always repeat the stage `verify`, which starts a probe that `begin` has put off
            self._start()
        if self._probe is not None:
            self._ask_more(after, judged)
            self.close()
            found = Proof("the probe gave no report", "the probe gave no report")
        else:
            found = Proof(
                "the probe had ended before", "the probe process ended during the run, before the run stopped it"
            )
        if self.report is not None:
            totals = self.report.totals
            found = Proof(f"{totals.requests} requests, {totals.failed} failed")
            found = Proof(found.detail, (self._judge(self.report) or self._missing(self.report)) if judged else "")
        if judged and found.doubt and self._settings.probe.proof == "strict":
            raise NotYet(f"{found.doubt}: nothing is proved (the setting probe.proof is strict)")
        return found

    def close(self) -> None:
        """End the probe if it still runs, and keep its report. If the probe gives no report, kill the probe.

        Also kill the process of a probe that was prepared and has not begun.
        """
        if (unused := self._take_prepared()) is not None:
            unused.kill()
        if self._probe is not None:
            probe, self._probe = self._probe, None
            try:
                self.report = probe.stop()
            except ProbeError:
                probe.kill()

    def _judge(self, report: Report) -> str:
        """Judge the requests since the first cutover.

        Return an empty text if no request has failed since the first cutover. If requests failed before and since the
        cutover, and chance explains the difference of the rates, return why the probe proves nothing.

        Raises NotYet in two cases: requests failed only since the cutover; or requests failed before and since the
        cutover, and chance does not explain the higher rate since the cutover.
        """
        before = self._before or NOTHING
        since = Counted.of(report.totals).since(before)
        if not since.failed:
            return ""
        kinds = ", ".join(f"{count} {kind}" for kind, count in since.failures.items())
        words = f"{since.failed} of {since.requests} probe requests failed ({kinds})"
        if not before.failed:
            first = "".join(f"; the first: {example}" for example in report.totals.examples[:1])
            raise NotYet(f"{words}, none before {self._since}{first}")
        words += f" since {self._since}, {before.failed} of {before.requests} before"
        p = chance((before.failed, before.requests), (since.failed, since.requests))
        # judgement number i gets the fraction 1 / (i * (i + 1)) of the probability of a false alarm, as in comparison/
        self._looks += 1
        if p < self._settings.comparison.significance / (self._looks * (self._looks + 1)):
            raise NotYet(f"{words}: more than before, and not by chance (Fisher's exact test, p = {p:.0e})")
        return f"{words}: the failures before may be the cause of the failures since then"

    def _ask_more(self, after: float, judged: bool) -> None:
        """Let the probe send requests at the raised rate until enough requests have ended, or the time is over.

        + after: seconds to wait at least
        + judged: whether to wait until enough requests have ended. A rollback does not wait for an address that is
          silent, because its result does not depend on the probe
        """
        probe = self._settings.probe

        def enough() -> None:
            if self._probe is not None and (missing := self._missing(self._probe.peek())):
                raise NotYet(missing)

        try:
            if self._probe is not None:
                self._probe.pace(probe.raised * len(self._urls))
            gevent.sleep(after)
            if judged:
                until(enough, probe.patience - probe.after, INTERVAL)
        except (CommandFailed, ProbeError):
            # `end` then finds too few requests in the probe's report, or finds no report
            return

    def _missing(self, report: Report) -> str:
        """Return a line that names a URL at which too few requests have ended since the last cutover; "" if none."""
        probe = self._settings.probe
        ended = _ended(report)
        for url in self._urls:
            origin = read(url, probe.host, probe.http2).origin
            since = ended.get(origin, 0) - self._ended.get(origin, 0)
            if since < probe.answers:
                return f"only {since} of {probe.answers} probe requests to {origin} have ended since {self._since}"
        return ""

    def _lose(self) -> None:
        """Give up a probe that has ended or does not answer, and kill its process. The run goes on without a probe."""
        if self._probe is not None:
            self._probe.kill()
            self._probe = None


def _ended(report: Report) -> dict[str, int]:
    """Return how many requests have ended at each server, with an answer or a failure."""
    return {origin: count.requests for origin, count in report.totals.targets.items()}

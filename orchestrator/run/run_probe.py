"""Controls the probe of a run.

The probe starts before the first cutover. Therefore the run knows whether requests had already failed before that
cutover.
"""

from __future__ import annotations

import gevent

from orchestrator.config import Settings
from orchestrator.errors import NotYet, ProbeError
from orchestrator.model import Weights
from orchestrator.probe.process import ProbeProcess
from orchestrator.probe.report import Report


class RunProbe:
    """Starts, reads and ends the probe's process.

    If the process ends by itself or does not answer, the run continues without a probe. In this case, `shifting`,
    `look`, `end` and `close` do nothing.

    + since: name of the moment from which failures count, for messages
    + report: the probe's report, None until the probe has ended
    """

    def __init__(self, settings: Settings, since: str = "the cutover") -> None:
        self._settings = settings
        self._since = since
        self._probe: ProbeProcess | None = None
        self._failed_before: int | None = None
        self._release = ""
        self.report: Report | None = None

    def begin(self, release: str) -> str:
        """Start the probe. Return a line of detail for the report. Raises ProbeError if the probe does not start.

        + release: the release to which the run moves the traffic
        """
        probe = self._settings.probe
        urls = [url for switch in self._settings.switches for url in switch.urls]
        process = ProbeProcess(
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
        process.start()
        self._probe, self._release = process, release
        return f"{probe.rate:g} requests a second and address, {len(urls)} addresses"

    def shifting(self, weights: Weights) -> None:
        """Prepare the probe for a shift of traffic. Call this method right before the shift.

        The first call also calls `count_from_now`. If the new color will get all the traffic, this method records the
        cutover in the probe's report. The report then counts the answers that the old release still gives after the
        cutover.

        + weights: the weights after the shift
        """
        if self._probe is None:
            return
        if self._failed_before is None:
            self.count_from_now()
        try:
            if weights.live is not None and self._probe is not None:
                self._probe.switch(self._release)
        except ProbeError:
            self._lose()

    def count_from_now(self) -> None:
        """Store how many requests have failed until now.

        If this number is 0, `look` and `end` raise NotYet for later failures.
        """
        if self._probe is None:
            return
        try:
            self._failed_before = self._probe.peek().totals.failed
        except ProbeError:
            self._lose()

    def look(self) -> None:
        """Raise NotYet if requests have failed since the first cutover, but none had failed before."""
        if self._probe is None:
            return
        try:
            self._judge(self._probe.peek())
        except ProbeError:
            self._lose()

    def end(self, after: float, judged: bool) -> str:
        """Let the probe run for some more seconds, then end the probe. Return a line of detail for the report.

        + after: seconds until the probe ends
        + judged: whether to raise NotYet if requests have failed since the first cutover, but none had failed before
        """
        if self._probe is None:
            return "the probe had ended before"
        gevent.sleep(after)
        self.close()
        if self.report is None:
            return "the probe gave no report"
        if judged:
            self._judge(self.report)
        return f"{self.report.totals.requests} requests, {self.report.totals.failed} failed"

    def close(self) -> None:
        """End the probe if it still runs, and keep its report. If the probe gives no report, kill the probe."""
        if self._probe is not None:
            probe, self._probe = self._probe, None
            try:
                self.report = probe.stop()
            except ProbeError:
                probe.kill()

    def _judge(self, report: Report) -> None:
        """Raise NotYet if the report has failures, but no request had failed before the first cutover."""
        if self._failed_before or not report.totals.failed:
            return
        kinds = ", ".join(f"{count} {kind}" for kind, count in report.totals.failures.items())
        raise NotYet(
            f"{report.totals.failed} of {report.totals.requests} probe requests failed ({kinds}), "
            f"none before {self._since}"
        )

    def _lose(self) -> None:
        """Kill a probe that has ended or does not answer. The run continues without a probe."""
        if self._probe is not None:
            self._probe.kill()
            self._probe = None

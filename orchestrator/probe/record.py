"""Record the results of a running probe: totals of all requests, the newest samples, remarks and cutovers.

A sample is the result of one request.
"""

from __future__ import annotations

from collections import deque

from orchestrator.probe.report import Mark, Report, Totals, report
from orchestrator.probe.sample import Sample
from orchestrator.probe.transitions import Switch

KEEP = 200_000
"""Default number of samples to keep. This number of samples takes about 60 MB of memory."""


class Recorder:
    """Records samples (results of requests), and keeps only the newest samples in memory.

    + keep: largest number of samples that are kept. After this number, each new sample replaces the oldest sample
    + totals: totals of all samples, including samples that were replaced
    """

    def __init__(self, keep: int = KEEP) -> None:
        self.totals = Totals()
        self._samples: deque[Sample] = deque(maxlen=keep)
        self._marks: list[Mark] = []
        self._switches: list[Switch] = []

    def add(self, sample: Sample) -> None:
        """Add a sample. Samples must be added in the order in which their requests ended."""
        self.totals.add(sample)
        self._samples.append(sample)

    def mark(self, text: str, at: float) -> None:
        """Add a mark (a remark) to the report.

        + at: time of the mark, in seconds since the epoch
        """
        self._marks.append(Mark(at, text))

    def switch(self, to: str, at: float) -> None:
        """Add a cutover to the report.

        + to: release that gets the traffic
        + at: time right before the traffic is shifted, in seconds since the epoch
        """
        self._switches.append(Switch(at, to))

    def report(self, unfinished: int = 0) -> Report:
        """Return the report of everything that was recorded up to now.

        + unfinished: number of requests that were still in flight when the probe ended, and that have no sample
        """
        return report(
            list(self._samples),
            totals=self.totals,
            switches=self._switches,
            marks=self._marks,
            dropped=self.totals.requests - len(self._samples),
            unfinished=unfinished,
        )

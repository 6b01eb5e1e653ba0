"""Record the results of a running probe: totals of all requests, the newest samples, marks and switches."""

from __future__ import annotations

from collections import deque

from orchestrator.probe.report import Mark, Report, Totals, report
from orchestrator.probe.sample import Sample
from orchestrator.probe.transitions import Switch

KEEP = 200_000
"""Number of samples kept by default, which take about 60 MB."""


class Recorder:
    """Records samples in bounded memory. A report says how many old samples were dropped."""

    def __init__(self, keep: int = KEEP) -> None:
        self.totals = Totals()
        self._samples: deque[Sample] = deque(maxlen=keep)
        self._marks: list[Mark] = []
        self._switches: list[Switch] = []

    def add(self, sample: Sample) -> None:
        """Add a sample. Samples must come in the order in which their requests ended."""
        self.totals.add(sample)
        self._samples.append(sample)

    def mark(self, text: str, at: float) -> None:
        """Add a mark.

        + at: time of the mark, in seconds since the epoch
        """
        self._marks.append(Mark(at, text))

    def switch(self, to: str, at: float) -> None:
        """Add a switch to the release `to`.

        + at: seconds since the epoch, right before traffic is shifted
        """
        self._switches.append(Switch(at, to))

    def report(self, unfinished: int = 0) -> Report:
        return report(
            list(self._samples),
            totals=self.totals,
            switches=self._switches,
            marks=self._marks,
            dropped=self.totals.requests - len(self._samples),
            unfinished=unfinished,
        )

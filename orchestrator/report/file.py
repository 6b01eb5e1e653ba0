"""Write the report of a run as a JSON file: version, Inputs, all events with times, the probe's report, the outcome."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from orchestrator import __version__
from orchestrator.errors import UsageError
from orchestrator.journal.records import stamped
from orchestrator.plan.inputs import Inputs
from orchestrator.probe.report import Report
from orchestrator.run.walk import Ended, Event


def require_writable(path: str) -> None:
    """Raise UsageError if a report cannot be written later, because its directory does not exist or is read-only.

    + path: path of the report file, from ``--data report=``
    """
    directory = Path(path).parent
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"--data report={path}: files cannot be written in {directory}: name another directory")


class ReportFile:
    """Collects the events of a run, and writes the report file when the run has ended.

    + path: the path of the file; None to write no file
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None
        self._events: list[dict[str, Any]] = []

    def event(self, event: Event) -> None:
        """Keep an event for the file.

        The event has the journal's format, with the present UTC time as ``at`` (ISO 8601).
        """
        if self._path is not None:
            self._events.append(stamped(event.to_record()))

    def write(self, i: Inputs, ended: Ended, probe: Report | None) -> None:
        """Write the report to the file. If the path of the file is None, write nothing.

        The new file replaces the former file in one step, so that no program reads an incomplete file.

        + i: the Inputs of the run
        + ended: how the run ended
        + probe: the probe's report; None if there is no report

        Raises OSError if writing fails.
        """
        if self._path is None:
            return
        content = {
            "version": __version__,
            "inputs": i.to_json(),
            "events": self._events,
            "probe": probe.to_json() if probe else None,
            "committed": ended.committed,
            "paused": ended.paused,
            "status": ended.status,
            "reason": str(ended.reason or ""),
            "left": [result.record.to_json() for result in ended.left],
            "warnings": [result.record.to_json() for result in ended.warnings],
        }
        beside = self._path.with_name(self._path.name + ".new")
        beside.write_text(json.dumps(content, indent=1))
        beside.replace(self._path)

"""The report file of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.plan.steps import Place
from orchestrator.report.file import ReportFile, require_writable
from orchestrator.run.walk import Ended, Event, Result
from tests.stages.plans import inputs


def test_a_report_needs_a_directory_that_can_be_written(tmp_path: Path) -> None:
    require_writable(str(tmp_path / "report.json"))
    with pytest.raises(UsageError, match="nowhere: name another directory"):
        require_writable(str(tmp_path / "nowhere/report.json"))


def test_a_report_has_the_result_of_each_place(tmp_path: Path) -> None:
    places = [Place("node", f"node{number}") for number in range(100)]
    file = ReportFile(str(tmp_path / "report.json"))
    file.event(Event("results", "fetch", results=tuple(Result(place, seconds=1.0) for place in places)))
    file.write(inputs("release"), Ended(committed=True), None)
    (event,) = json.loads((tmp_path / "report.json").read_text())["events"]
    assert [one["place"] for one in event["results"]] == [place.name for place in places]

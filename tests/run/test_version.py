"""The version of the orchestrator that ran is on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import __version__, verbs
from orchestrator.options import Options
from tests.fakes.world import World


@pytest.mark.exhaustive
def test_journal_and_report_name_the_version(released: World, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert verbs.rollback(released.fleet(), Options(report=str(report))) == 0
    assert json.loads(report.read_text())["version"] == __version__
    runs = [path for path in released.path.rglob("*.jsonl") if path.parent.name == "runs"]
    records = [json.loads(line) for run in runs for line in run.read_text().splitlines()]
    begun = [record for record in records if record["record"] == "begin" and record["verb"] == "rollback"]
    assert [record["version"] for record in begun] == [__version__]

"""The report file of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.report.file import require_writable


def test_a_report_needs_a_directory_that_can_be_written(tmp_path: Path) -> None:
    require_writable(str(tmp_path / "report.json"))
    with pytest.raises(UsageError, match="nowhere: name another directory"):
        require_writable(str(tmp_path / "nowhere/report.json"))

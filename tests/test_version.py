"""The version of the orchestrator in every place that shows it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from orchestrator import __version__, cli

ROOT = Path(__file__).parents[1]


def test_the_command_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"orchestrator {__version__}\n"


def test_only_the_package_states_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "orchestrator.__version__"}

"""docs/regions.md: the settings that the regions share."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from orchestrator.config import load

PAGE = Path(__file__).parents[1] / "docs/regions.md"


def test_the_regions_share_settings(tmp_path: Path) -> None:
    for language, file in (("toml", "common.toml"), ("python", "eu.py")):
        (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
        (tmp_path / file).write_text(text)
    # as pyinfra reads group data: with the variable __file__
    settings = load(runpy.run_path(str(tmp_path / "eu.py"))["settings"])
    assert (settings.name, settings.gate.path) == ("shop", "/health")
    assert [switch.urls for switch in settings.switches] == [["https://eu.example.com/"]]

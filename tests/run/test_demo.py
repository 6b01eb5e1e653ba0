"""`make demo` reads reports: docker/demo.py must understand the report that a run writes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import demo

from orchestrator import verbs
from orchestrator.options import Options
from tests.fakes.world import World


def test_the_demo_finds_when_the_cutover_began(world: World, tmp_path: Path) -> None:
    report, began = tmp_path / "report.json", time.time()
    assert verbs.release(world.fleet(), Options(ref="v1", report=str(report))) == 0
    said = json.loads(report.read_text())
    assert began - 1 <= demo.began_at(demo.cutover(said)) <= time.time()
    assert said["inputs"]["release"]
    assert [event["stage"] for event in demo.stages(said)][:2] == ["quiet", "fetch"]

"""`make demo` reads reports: docker/demo.py must understand the report that a run writes."""

from __future__ import annotations

import json
import os
import time
import tomllib
from pathlib import Path

import demo
import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.options import Options
from tests.config.test_settings import raw
from tests.fakes.world import World


@pytest.mark.exhaustive
def test_the_demo_finds_when_the_cutover_began(world: World, tmp_path: Path) -> None:
    report, began = tmp_path / "report.json", time.time()
    assert verbs.release(world.fleet(), Options(ref="v1", report=str(report))) == 0
    said = json.loads(report.read_text())
    assert began - 1 <= demo.began_at(demo.cutover(said)) <= time.time()
    assert said["inputs"]["release"]
    assert [event["stage"] for event in demo.stages(said)][:2] == ["quiet", "fetch"]


def test_the_demo_counts_jobs_and_ticks() -> None:
    said = [
        *("node1 | taken 1", "node1 | taken 2", "node2 | taken 1", "node2 | taken 3"),
        *("node1 | done 1 old", "node1 | done 2 new", "node2 | done 1 old", "node2 | done 3 new"),
        *("node1 | tick 100 old x", "node1 | tick 102 new y"),
    ]
    work = demo.Work.read("\n".join(said))
    assert work.is_right
    assert work.lines() == [
        "jobs        4 done by the workers of 2 releases, 0 twice, 0 killed",
        "schedule    2 ticks in 3 seconds on node1 alone, by 2 releases",
    ]
    for wrong in ("node1 | taken 9", "node2 | done 1 new", "node2 | tick 101 old z"):
        assert not demo.Work.read("\n".join([*said, wrong])).is_right


def test_the_settings_of_the_demo_are_those_of_the_inventory(tmp_path: Path) -> None:
    fleet = {"app": "shop", "apps": {"shop": {"settings": "docker/app/settings.toml"}}}
    (tmp_path / "fleet.json").write_text(json.dumps(fleet))
    demo.add_settings(tmp_path)
    file = json.loads((tmp_path / "fleet.json").read_text())["apps"]["shop"]["settings"]
    made = load(raw(**tomllib.loads(Path(file).read_text())))
    assert [worker.name for worker in made.workers] == ["queue"]
    assert [one.name for one in made.schedule] == ["tick"]
    for command in (made.workers[0].command, made.schedule[0].command):
        assert os.access(demo.ROOT / "docker/app/base" / command, os.X_OK)

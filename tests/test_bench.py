"""`make bench`: what it makes of the probe's samples, and its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import bench_page
import bench_result
from bench_result import MEASURES, OURS, TOOLS, Action, Command, Result
from bench_tools import COMMANDS

from orchestrator.probe.sample import Failure, Kind, Sample

DOCS = Path(__file__).parents[1] / "docs"


def asked(sent: float, release: str | None, took: float = 0.25, failure: Failure | None = None) -> Sample:
    """A request that was answered after ``took`` seconds."""
    return Sample(Kind.fresh, "http://x", sent, sent + took, sent + took, release=release, failure=failure)


def action(seconds: float, first: float | None = 1.0, failures: dict[str, int] | None = None) -> Action:
    return Action(seconds, seconds / 10, first, 100, failures or {})


def result(nodes: int = 3) -> Result:
    """Three rounds of this tool and of one other tool."""
    ours = {"release": [2.0, 4.0, 3.0], "rollback": [1.0, 1.0, 1.0], "status": [0.5, 0.6, 0.7]}
    theirs = {"release": [1.0, 4.0, 2.0], "rollback": [2.0, 2.0, 2.0]}
    tools = {
        OURS: {name: [action(one, None if name == "status" else 1.0) for one in some] for name, some in ours.items()},
        "capistrano-restart": {
            name: [action(one, 2.0, {"status_5xx": 2, "reset": 1}) for one in some] for name, some in theirs.items()
        },
    }
    return Result(nodes, "2026-01-31", 2, 0.25, 100.0, {"Capistrano": "3.17.2"}, tools)


def test_the_first_answer_of_another_release_counts() -> None:
    found = [asked(0, "a"), asked(1, "a"), asked(1.75, "a"), asked(2.5, "b", 0.75), asked(2.75, "b"), asked(4, "b")]
    assert bench_result.first_new(found, began=1.5) == 1.5


def test_error_pages_and_failures_are_no_new_answers() -> None:
    found = [asked(0, "a"), asked(2, None, failure=Failure.status_5xx), asked(3, "b", failure=Failure.truncated)]
    assert bench_result.first_new(found, began=1) is None
    assert bench_result.first_new([*found, asked(4, "b")], began=1) == 3.25


def test_without_an_earlier_answer_no_answer_is_new() -> None:
    assert bench_result.first_new([asked(2, "b"), asked(3, "c")], began=1) is None


def test_each_request_belongs_to_the_last_command() -> None:
    commands = {"release": Command(10, 2, 0.5), "rollback": Command(20, 1, 0.25)}
    lost = asked(19, None, failure=Failure.reset)
    found = [asked(9, "a"), asked(11, "a"), asked(12, "b"), lost, asked(20, "b"), asked(20.5, "a"), asked(99, "a")]
    done = bench_result.actions(commands, found)
    assert done["release"] == Action(2, 0.5, 2.25, 3, {"reset": 1})
    assert done["rollback"] == Action(1, 0.25, 0.75, 3, {})


def test_a_sample_is_read_from_the_file_of_the_probe() -> None:
    written = asked(1, "a", failure=Failure.closed)
    assert Sample.from_json(json.loads(json.dumps(written.to_json()))) == written


def test_ratios_compare_the_same_round() -> None:
    measures = list(MEASURES)
    assert bench_result.ratios(result(), "capistrano-restart", measures[0]) == [2.0, 1.0, 1.5]
    assert bench_result.ratios(result(), "capistrano-restart", measures[1]) == [0.5, 0.5, 0.5]


def test_the_table_has_medians_failures_and_ratios() -> None:
    heads, ours, theirs, _, ratios = bench_result.table(result())
    assert heads.split() == ["release", "rollback", "first", "new", "first", "back", "CPU", "failed"]
    assert ours.split()[2:] == ["3.00", "1.00", "1.00", "1.00", "0.30", "0", "of", "600"]
    assert theirs.split()[3:] == ["2.00", "2.00", "2.00", "2.00", "0.20", "18", "of", "600"]
    assert ratios.split()[3:] == ["1.50", "0.50", "0.50", "0.50"]


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    for one in (result(10), result(3), result(3)):
        bench_page.add(tmp_path, one)
    assert bench_page.read(tmp_path) == {3: result(3), 10: result(10)}


def test_the_page_has_a_section_for_each_number_of_nodes() -> None:
    made = bench_page.files({10: result(10), 3: result(3)})
    page = made.pop("benchmarks.md")
    assert page.index("## 3 nodes") < page.index("## 10 nodes")
    assert "| this tool | 3.00 (2.00–4.00) | 1.00 (1.00–1.00) |" in page
    assert "* Failed requests of Capistrano, FPM restart: 12 status_5xx, 6 reset" in page
    assert all(f"]({name})" in page for name in made)


def test_a_plot_has_a_dot_for_each_value() -> None:
    dots = re.findall(r'<circle cx="([\d.]+)"', bench_page.svg(result()))
    assert len(dots) == len(MEASURES) * 2 * 3
    assert all(bench_page.LEFT < float(x) < bench_page.WIDTH for x in dots)


def test_every_tool_has_a_name_for_the_page() -> None:
    assert set(TOOLS) == {OURS, *COMMANDS}


def test_the_page_was_written_from_its_results() -> None:
    for name, text in bench_page.files(bench_page.read(DOCS)).items():
        assert (DOCS / name).read_text() == text, f"{name}: write it with `python docker/bench_page.py`"

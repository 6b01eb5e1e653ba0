"""`make bench-scale`: how costs grow, its page, and its fake fleet."""

from __future__ import annotations

import re
from pathlib import Path

import bench_scale_page
import pytest
from bench_scale_result import COMMANDS, MEASURES, Growth, Result, Size, Used, growth

from orchestrator import verbs
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.alike import Alike
from tests.fakes.world import connect

DOCS = Path(__file__).parents[1] / "docs"


def size(nodes: int) -> Size:
    """A fleet whose costs grow linearly, except for the journal."""
    used = {name: Used(0.25 + nodes / 100, 0.5, 9.0) for name in COMMANDS}
    return Size(nodes, used, 50_000_000 + 100_000 * nodes, nodes * nodes, 26)


RESULT = Result("2026-01-31", 2, 0.25, {"pyinfra": "3.10.0"}, [size(nodes) for nodes in (3, 10, 100, 1000)])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1.0, 2.0, 11.0), "linear"),
        ((1.0, 2.0, 13.0), "linear"),
        ((1.0, 2.0, 13.5), "more than linear"),
        ((1.0, 2.0, 9.0), "less than linear"),
        ((1.0, 1.0, 9.0), "unknown, because the smaller fleets show no growth"),
    ],
)
def test_growth_in_words(values: tuple[float, ...], words: str) -> None:
    # the smallest fleets do not count, because most of their costs do not depend on the number of nodes
    points = [(1, 9.0), *zip((100, 200, 1100), values, strict=True)]
    assert growth(points).words == words


def test_growth_compares_the_three_largest_fleets() -> None:
    assert growth([(10, 1.0), (1, 0.0), (30, 6.0), (20, 2.0)]) == Growth(0.4, 0.1)
    assert Growth(0.5, 0.25).ratio == 2.0
    with pytest.raises(ValueError, match="three"):
        growth([(1, 1.0), (2, 2.0)])


def test_the_page_says_what_grows_how() -> None:
    page = bench_scale_page.files(RESULT)[bench_scale_page.PAGE]
    assert "| 1,000 | 10.25 | 9.00 | 10.25 | 9.00 | 10.25 | 9.00 | 150 MB | 1000.0 KB | 26 |" in page
    assert "between 100 and 1,000 nodes" in page
    assert page.count("| 10.00 ms | 1.00 | linear |") == len(COMMANDS)
    assert "| memory | 100.00 KB | 1.00 | linear |" in page
    assert "| journal of a release | 1100.00 bytes | 10.00 | more than linear |" in page
    assert len(re.findall(r"linear \|$", page, re.MULTILINE)) == len(MEASURES)


def test_the_plot_has_a_dot_for_each_command_and_fleet() -> None:
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', bench_scale_page.svg(RESULT))
    assert len(dots) == len(COMMANDS) * len(RESULT.sizes)
    assert all(0 < float(x) < bench_scale_page.WIDTH and 0 < float(y) < bench_scale_page.HEIGHT for x, y in dots)


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    bench_scale_page.write(tmp_path, RESULT)
    assert bench_scale_page.read(tmp_path) == RESULT


def test_the_page_was_written_from_its_result() -> None:
    for name, text in bench_scale_page.files(bench_scale_page.read(DOCS)).items():
        assert (DOCS / name).read_text() == text, f"{name}: write it with `python docker/bench_scale_page.py`"


@pytest.mark.exhaustive
def test_only_the_first_of_many_nodes_runs_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    for nodes in (3, 6):
        world = Alike(tmp_path / str(nodes), nodes)
        connect(world, monkeypatch.setattr)
        assert verbs.release(world.fleet(), Options(ref="v1")) == 0
        assert world.release("node1", Color.green) is not None
        assert [world.weight(balancer) for balancer in world.balancers] == [100, 100]
        ran.append(world.ran)
    assert ran[0] == ran[1]

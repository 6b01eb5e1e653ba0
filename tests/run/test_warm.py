"""A release's OPcache decides whether the release gets traffic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.options import Options
from tests.fakes.world import World

pytestmark = pytest.mark.exhaustive

NO_ROOM = (
    "the release does not fit into OPcache (3 of its 3 PHP files are in OPcache): "
    "set opcache.memory_consumption = 160 (now 128) in the setting php.ini"
)


def release(world: World, report: Path | None = None, **php: Any) -> int:
    options = Options(ref="v1", report=str(report) if report else None)
    return verbs.release(world.fleet(load(world.settings | {"php": php})), options)


def warming(world: World) -> str:
    """The last warming command."""
    return [command for _, command in world.commands if "while warming" in command][-1]


def test_the_report_says_what_was_compiled(released: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release(released, tmp_path / "report") == 0
    events = json.loads((tmp_path / "report").read_text())["events"]
    warmed = next(event for event in events if (event["record"], event["stage"]) == ("results", "warm"))
    said = "3 files, 3.0 MiB, 0.1 s, 1 files that no request runs directly do not compile (stub.php)"
    assert [result["detail"] for result in warmed["results"]] == [said] * 3
    assert f"({said})" in capsys.readouterr().err


def test_a_release_that_does_not_fit_gets_no_traffic(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = released.snapshot()
    released.break_("node2", "opcache")
    assert release(released) == 1
    assert f"warm failed on node2: {NO_ROOM}" in capsys.readouterr().err
    assert released.snapshot() == before


def test_or_there_is_only_a_warning(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    released.break_("node2", "opcache")
    assert release(released, opcache="warn") == 0
    lines = capsys.readouterr().err.splitlines()
    assert f"    warning: node2: {NO_ROOM}" in lines
    # on a separate line
    assert len([line for line in lines if NO_ROOM in line]) == 1


def test_nothing_is_compiled_where_nothing_shall_be(released: World) -> None:
    released.break_("node2", "opcache")
    assert release(released, compile=[]) == 0
    assert "compile%5B%5D" not in warming(released)


def test_php_fpm_gets_the_list_of_files_to_compile(released: World) -> None:
    assert release(released, compile=["app", "vendor/acme"], compile_exclude=["vendor/*/tests/*"]) == 0
    query = "compile%5B%5D=app&compile%5B%5D=vendor%2Facme&exclude%5B%5D=vendor%2F%2A%2Ftests%2F%2A"
    assert query in warming(released)


def test_an_fpm_that_does_not_end_compiling(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    released.break_("node3", "compile")
    assert release(released) == 1
    assert "warm failed on node3: PHP-FPM did not finish compiling" in capsys.readouterr().err

"""Which code really runs: in PHP-FPM, in a service, and with nginx alone."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.facts.answers import ColorSaid
from orchestrator.gates import code

OLD, NEW = "20260101T120000Z-aaaaaaa", "20260102T120000Z-bbbbbbb"


def said(release: str = NEW, born: float = 1000.0, started: tuple[str, int] | None = (NEW, 1000)) -> ColorSaid:
    return ColorSaid((), started, {"release": release, "master": {"started": born}})


def test_a_service_that_runs_the_release() -> None:
    assert code.judge(said(), NEW, "web") is None
    # the kernel and the script count in whole seconds
    assert code.judge(said(born=998.5), NEW, "web") is None


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (said(release=OLD), f"its web has the code of {OLD}"),
        (said(release=""), "its web has the code of no release"),
        (said(born=900.0), "its web is older than the release's start: web was not restarted"),
        (said(started=(OLD, 1000)), f"the color was not started for {NEW}"),
        (said(started=None), f"the color was not started for {NEW}"),
        (ColorSaid((), (NEW, 1000), None), "its web does not report which code it runs"),
    ],
)
def test_a_color_that_runs_other_code_is_named(found: ColorSaid, line: str) -> None:
    assert code.judge(found, NEW, "web") == line


def test_with_nginx_alone_only_the_start_is_judged() -> None:
    nobody: dict[str, Any] | None = None
    assert code.judge(ColorSaid((), (NEW, 1000), nobody), NEW, "") is None
    assert code.judge(ColorSaid((), (OLD, 1000), nobody), NEW, "") == f"the color was not started for {NEW}"

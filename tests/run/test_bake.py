"""A bake: the verdict of the comparison, and its effect according to the settings."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.comparison.judge import Verdict, worst
from orchestrator.config import load
from orchestrator.options import Options
from orchestrator.run.bake import Baking
from tests.fakes.world import World

PASS, FAIL = Verdict("pass", "alike"), Verdict("fail", "5xx to 10%")
FEW, UNREADABLE = Verdict("inconclusive", "12 requests"), Verdict("error", "no record")


def release(world: World, monkeypatch: pytest.MonkeyPatch, verdicts: list[Verdict], **comparison: Any) -> int:
    """Release with comparisons that give these verdicts, one after another."""
    said = iter(verdicts)
    monkeypatch.setattr(Baking, "_of_balancers", lambda self, names, look: next(said))
    settings = {
        **world.settings,
        "cutover": [{"weight": 25, "bake": 1.2}, {"weight": 100}],
        "comparison": {"window": 1, **comparison},
    }
    return verbs.release(world.fleet(load(settings)), Options(ref="v1"))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("verdicts", "more", "status", "words"),
    [
        ([PASS, PASS], {}, 0, "alike"),
        pytest.param([FEW, PASS], {}, 0, "alike", marks=pytest.mark.slow),
        ([FAIL], {}, 1, "worse than the old color: 5xx to 10%"),
        pytest.param(
            [PASS, FAIL],
            {"on_inconclusive": "go on"},
            1,
            "worse than the old color: 5xx to 10%",
            marks=pytest.mark.slow,
        ),
        ([FEW, FEW], {}, 1, "inconclusive (12 requests), and the setting comparison.on_inconclusive is undo"),
        pytest.param(
            [FEW, FEW],
            {"on_inconclusive": "go on"},
            0,
            "inconclusive, but the run continues: 12 requests",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [PASS, UNREADABLE],
            {},
            1,
            "error (no record), and the setting comparison.on_error is undo",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [PASS, UNREADABLE],
            {"on_error": "go on"},
            0,
            "error, but the run continues: no record",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_settings_say_what_a_verdict_means(
    released: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdicts: list[Verdict],
    more: dict[str, Any],
    status: int,
    words: str,
) -> None:
    before = released.snapshot()
    assert release(released, monkeypatch, verdicts, **more) == status
    assert words in capsys.readouterr().err
    assert [released.weight(balancer) for balancer in released.balancers] == ([0, 0] if status else [100, 100])
    if status:
        assert released.snapshot() == before


@pytest.mark.exhaustive
def test_without_a_record_nothing_is_taken_for_a_pass(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load({**released.settings, "cutover": [{"weight": 25, "bake": 0.2}, {"weight": 100}]})
    assert verbs.release(released.fleet(settings), Options(ref="v1")) == 1
    assert "comparison.on_error is undo" in capsys.readouterr().err


def test_the_worst_of_several_switches_counts() -> None:
    assert worst([PASS, FEW]) is FEW
    assert worst([FEW, UNREADABLE, PASS]) is UNREADABLE
    assert worst([UNREADABLE, FAIL]) is FAIL

"""The judgement on an address's answers: yes, no or unknown."""

from __future__ import annotations

import pytest

from orchestrator.run.data_plane import Answer, ask, judge

NEW, OLD, NONE = Answer("new", None), Answer("old", None), Answer(None, "TimeoutError: timed out")


@pytest.mark.parametrize(
    ("answers", "tolerant", "verdict"),
    [
        ([NEW] * 5, False, None),
        ([NEW] * 4 + [OLD], False, "old still answers"),
        ([NEW] * 4 + [NONE], False, "it is unknown which release answers: TimeoutError: timed out"),
        ([NONE, OLD], False, "old still answers"),
        ([NEW] * 5 + [NONE] * 5, True, None),
        ([NEW] * 4 + [NONE] * 6, True, "it is unknown which release answers: TimeoutError: timed out"),
        ([NEW] * 9 + [OLD], True, "old still answers"),
        ([], True, "it is unknown which release answers: only 0 answers"),
    ],
)
def test_judge(answers: list[Answer], tolerant: bool, verdict: str | None) -> None:
    assert judge(answers, "new", tolerant, 5) == verdict


def test_an_address_that_refuses_or_is_none() -> None:
    assert "refused" in str(ask("http://127.0.0.1:9/", "").problem)
    assert "'ftp://127.0.0.1/' is not a URL of the form" in str(ask("ftp://127.0.0.1/", "").problem)

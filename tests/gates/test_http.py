"""The gate of the health page: enough good answers in a row from the right release."""

from __future__ import annotations

import pytest

from orchestrator.facts.answers import Answer
from orchestrator.gates import http

OLD, NEW = "20260101T120000Z-aaaaaaa", "20260102T120000Z-bbbbbbb"
GOOD = Answer(200, NEW)


def test_enough_good_answers_pass() -> None:
    assert http.judge([GOOD, GOOD, GOOD], NEW, 3) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(500, NEW), f"status 500 from {NEW}"),
        (Answer(200, OLD), f"status 200 from {OLD}"),
        (Answer(200, None), "status 200 without a release marker"),
        (Answer(0, None), "no answer"),
    ],
)
def test_the_first_bad_answer_is_named(answer: Answer, words: str) -> None:
    line = f"its health page gave {words} instead of status 200 from {NEW}"
    assert http.judge([GOOD, answer, Answer(404, OLD)], NEW, 2) == line


def test_the_last_error_of_php_explains_a_bad_answer() -> None:
    line = f"its health page gave status 500 from {NEW} instead of status 200 from {NEW}: PHP Parse error: x"
    assert http.judge([Answer(500, NEW)], NEW, 2, "PHP Parse error: x") == line


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_good_answers_fail(count: int) -> None:
    assert http.judge([GOOD] * count, NEW, 3) == f"its health page gave only {count} of 3 answers"

"""The wait until a color is quiet: its limit, the quiet time in a row, and the message when the limit is reached."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

import pytest

from orchestrator.drain import cut_line, drained
from orchestrator.facts.idle import InFlight
from orchestrator.model import Color

QUIET, BUSY = InFlight(0), InFlight(1, 1)


class Clock:
    """A clock that moves only during a sleep."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waited(seen: Sequence[InFlight | str], limit: float, still: float = 0.0) -> tuple[InFlight | str | None, float]:
    """The result of looking once a second, and the seconds that it took. The last answer is repeated for ever."""
    clock, looks = Clock(), chain(seen, repeat(seen[-1]))
    left = drained(lambda: next(looks), limit, still, 1.0, clock, clock.sleep)
    return left, clock.now - 100.0


def test_a_quiet_color_is_not_waited_for() -> None:
    assert waited([QUIET], limit=0) == (None, 0)


def test_the_wait_ends_when_the_color_is_quiet() -> None:
    assert waited([BUSY, BUSY, QUIET], limit=10) == (None, 2)


def test_at_the_limit_the_last_look_is_returned() -> None:
    assert waited([InFlight(0, 0, 3), InFlight(0, 0, 2)], limit=5) == (InFlight(0, 0, 2), 5)


def test_still_means_without_a_break() -> None:
    assert waited([QUIET, QUIET, BUSY, QUIET], limit=10, still=2) == (None, 5)


def test_a_quiet_that_began_in_time_may_last_beyond_the_limit() -> None:
    assert waited([BUSY, BUSY, BUSY, QUIET], limit=4, still=3) == (None, 6)
    assert waited([BUSY, BUSY, BUSY, QUIET, QUIET, BUSY], limit=4, still=3) == (BUSY, 5)


def test_a_color_whose_requests_are_unknown_is_not_quiet() -> None:
    assert waited(["no weight"], limit=3) == ("no weight", 3)


@pytest.mark.parametrize(
    ("seen", "limit", "line"),
    [
        (InFlight(2, 1, 2), 90.0, "blue still had 2 streams and 1 request after 90 s: they are cut"),
        (InFlight(0, 0, 1), 0.5, "blue still had 1 stream after 0.5 s: it is cut"),
        (InFlight(3), 90.0, "blue still had 3 connections after 90 s: they are cut"),
        (InFlight(9, 2, 3), 90.0, "blue still had 3 streams, 2 requests and 4 connections after 90 s: they are cut"),
    ],
)
def test_the_line_says_what_is_cut(seen: InFlight, limit: float, line: str) -> None:
    assert cut_line(Color.blue, seen, limit, cut=True) == line


def test_the_line_says_that_nothing_is_cut() -> None:
    line = cut_line(Color.green, InFlight(0, 1), 90.0, cut=False)
    assert line == "green still had 1 request after 90 s: nothing is cut, because drain.at_limit is refuse"


@pytest.mark.parametrize(
    ("seen", "answered"),
    [(InFlight(2, 0, 2), True), (InFlight(3, 0, 2), False), (InFlight(1, 1, 2), False), (InFlight(0), True)],
)
def test_a_color_with_streams_may_have_answered_its_last_request(seen: InFlight, answered: bool) -> None:
    assert seen.answered is answered

"""Waits for a condition, and deadlines around a block."""

from __future__ import annotations

import gevent
import pytest

from orchestrator.errors import CommandFailed, NotYet
from orchestrator.waiting import last_refusal, until, within


def test_a_deadline_is_not_taken_for_a_failure_of_what_is_within() -> None:
    tries = []

    @within(0.05, NotYet("took longer"))
    def tries_again() -> None:
        for _ in range(3):
            tries.append(1)
            try:
                gevent.sleep(0.2)
            except Exception:  # noqa: BLE001, S112 (as boto3 does)
                continue

    with pytest.raises(NotYet, match="took longer"):
        tries_again()
    assert len(tries) == 1


def test_work_in_time_or_with_its_own_error_is_left_alone() -> None:
    with within(1.0, NotYet("late")):
        pass
    with pytest.raises(KeyError), within(1.0, NotYet("late")):
        raise KeyError
    other = gevent.Timeout(0.02)
    with pytest.raises(gevent.Timeout) as raised, other, within(1.0, NotYet("late")):
        gevent.sleep(0.5)
    assert raised.value is other


class Counter:
    """A check that is met at a call number; before, each call raises NotYet with its number."""

    def __init__(self, met_at: int) -> None:
        self.calls = 0
        self._met_at = met_at

    def __call__(self) -> None:
        self.calls += 1
        if self.calls < self._met_at:
            raise NotYet(f"call {self.calls}")


def test_a_wait_ends_with_the_first_call_that_succeeds() -> None:
    check = Counter(met_at=3)
    until(check, patience=60.0, interval=0.0)
    assert check.calls == 3


def test_a_wait_that_is_too_long_says_what_was_seen_last() -> None:
    with pytest.raises(CommandFailed, match=r"^call 1$"):
        until(Counter(met_at=9), patience=0.0, interval=0.0)
    refused = last_refusal(Counter(met_at=9), 0.0, lambda seconds: None)
    assert str(refused) == "call 1"


def test_a_wait_for_an_api_asks_less_and_less_often() -> None:
    pauses: list[float] = []
    assert last_refusal(Counter(met_at=7), 60.0, pauses.append) is None
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_another_error_ends_a_wait_at_once() -> None:
    calls: list[int] = []

    def broken() -> None:
        calls.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        until(broken, patience=0.2, interval=0.0)
    assert len(calls) == 1

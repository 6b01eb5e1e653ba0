"""Deadlines of work on the operator's machine."""

from __future__ import annotations

import gevent
import pytest

from orchestrator.errors import NotYet
from orchestrator.waiting import within


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

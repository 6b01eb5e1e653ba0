"""Counting response times in buckets, and adding up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.comparison.traffic import EXACT, Traffic, bucket, lower


@given(st.integers(0, 10_000_000))
def test_a_time_is_in_its_bucket_of_at_most_two_per_cent(ms: int) -> None:
    number = bucket(ms)
    low, high = lower(number), lower(number + 1)
    assert low - 1e-6 * low <= ms < high + 1e-6 * high
    assert high - low <= max(1.0, 0.0201 * low)
    if ms < EXACT:
        assert low == ms


def test_traffic_adds_up() -> None:
    one = Traffic(10, 1, 2, {3: 4, 60: 6}, True, 100.0, 130.0)
    two = Traffic(5, 0, 1, {3: 1, 61: 4}, False, 130.0, 160.0)
    assert one + two == Traffic(15, 1, 3, {3: 5, 60: 6, 61: 4}, False, 100.0, 160.0)
    assert Traffic() + one == one


def test_nothing_has_no_quantiles() -> None:
    assert Traffic().quantile(0.99) is None
    assert Traffic().slower(10) == 0


def test_a_quantile_is_the_time_that_its_share_kept() -> None:
    traffic = Traffic(times=dict.fromkeys(range(1, 41), 1))
    assert traffic.quantile(0.5) == 20
    assert traffic.quantile(0.975) == 39
    assert traffic.quantile(1.0) == 40


def test_slower_counts_what_took_longer() -> None:
    traffic = Traffic(times={9: 5, 10: 7, 11: 2, bucket(500): 1})
    assert traffic.slower(10) == 3
    assert traffic.slower(400) == 1
    assert traffic.slower(500) == 0

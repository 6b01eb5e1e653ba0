"""Which faults the comparison finds, and which stalls it does not blame on a color: simulated traffic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from orchestrator.comparison.judge import (
    LEVELS,
    Shares,
    Slow,
    chance,
    differences,
    judge,
    judge_shares,
    limit,
    unreadable,
)
from orchestrator.comparison.traffic import Traffic, lower
from orchestrator.config.cutover import Comparison
from orchestrator.model import Color

SETTINGS = Comparison()
EDGES = np.array([lower(number) for number in range(1000)])

Rng = np.random.Generator
Damage = Callable[[Rng, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def traffic(ms: np.ndarray, failed: np.ndarray) -> Traffic:
    numbers, counts = np.unique(np.searchsorted(EDGES, np.floor(ms), side="right") - 1, return_counts=True)
    return Traffic(len(ms), int(failed.sum()), 0, dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def site(rng: Rng, requests: int, stalls: float, sigma: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Requests of a site: 200 a second, lognormal around 45 ms.

    A stall delays every request that begins within 100 ms; some stalls also make these requests fail.

    + stalls: number of stalls a second
    """
    seconds = requests / 200
    at = rng.random(requests) * seconds
    ms = rng.lognormal(np.log(45), sigma, requests)
    failed = rng.random(requests) < 0.001
    for start in rng.random(rng.poisson(seconds * stalls)) * seconds:
        hit = (at >= start) & (at < start + 0.1)
        ms[hit] += rng.uniform(200, 2000)
        failed[hit] |= rng.random() < 0.3
    return ms, failed


def split(rng: Rng, canary: int, weight: float, stalls: float, damage: Damage | None = None) -> tuple[Traffic, Traffic]:
    """Both colors' traffic of a canary with this many requests; each request gets its color at random."""
    requests = round(canary / weight)
    ms, failed = site(rng, requests, stalls, sigma=float(rng.uniform(0.4, 0.7)))
    new = rng.permutation(requests) < canary
    after, broken = damage(rng, ms[new], failed[new]) if damage else (ms[new], failed[new])
    return traffic(ms[~new], failed[~new]), traffic(after, broken)


def a_tenth_fails(rng: Rng, ms: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return ms, failed | (rng.random(len(ms)) < 0.1)


def p99_five_times(rng: Rng, ms: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(ms > np.quantile(ms, 0.97), 5 * ms, ms), failed


def three_per_cent_slow(rng: Rng, ms: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return ms + 300 * (rng.random(len(ms)) < 0.03), failed


def half_as_slow_again(rng: Rng, ms: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 1.5 * ms, failed


@pytest.mark.exhaustive
@pytest.mark.parametrize("damage", [a_tenth_fails, p99_five_times, three_per_cent_slow, half_as_slow_again])
@pytest.mark.parametrize("weight", [0.05, 0.1])
def test_damage_is_found_in_a_thousand_requests(damage: Damage, weight: float) -> None:
    rng = np.random.default_rng(7)
    values = [judge(*split(rng, 1000, weight, 0.005, damage), SETTINGS, look=2).value for _ in range(100)]
    assert values.count("fail") >= 0.99 * len(values)


def test_a_color_failing_a_tenth_is_found_in_a_hundred_requests() -> None:
    rng = np.random.default_rng(8)
    found = [judge(*split(rng, 100, 0.05, 0.005, a_tenth_fails), SETTINGS).value for _ in range(300)]
    assert found.count("fail") >= 0.95 * len(found)


@pytest.mark.exhaustive
@pytest.mark.parametrize("weight", [0.05, 0.25, 0.5, 0.9])
def test_equal_releases_do_not_fail(weight: float) -> None:
    rng = np.random.default_rng(9)
    values = [judge(*split(rng, 1000, weight, 0.05), SETTINGS).value for _ in range(200)]
    assert "fail" not in values


@pytest.mark.exhaustive
def test_many_looks_at_an_equal_release_do_not_fail_it() -> None:
    rng = np.random.default_rng(10)
    settings = Comparison(errors=0, slower=1, slower_ms=0, tail=0.01, significance=0.05, min_requests=10)
    failed = 0
    for _ in range(150):
        old, new = Traffic(), Traffic()
        for look in range(1, 21):
            before, after = split(rng, 100, 0.25, 0.05)
            old, new = old + before, new + after
            if judge(old, new, settings, look=look).value == "fail":
                failed += 1
                break
    # one in twenty may fail without the margins; five looks without a correction would fail every third
    assert failed <= 0.05 * 150


def test_a_third_of_a_point_in_huge_numbers_is_let_pass() -> None:
    old = Traffic(10_000_000, 10_000, 0, {20: 10_000_000})
    new = Traffic(10_000_000, 40_000, 0, {20: 10_000_000})
    verdict = judge(old, new, SETTINGS)
    assert verdict.value == "pass"
    assert judge(old, new, Comparison(errors=0.2)).value == "fail"


def test_the_words_have_the_numbers() -> None:
    old, new = Traffic(22_310, 22, 0, {20: 22_310}), Traffic(1204, 12, 0, {20: 1204})
    verdict = judge(old, new, SETTINGS, new_color=Color.green)
    assert verdict.value == "fail"
    assert verdict.words.startswith(
        "green answered 5xx to 1.0% of 1,204 requests, blue to 0.099% of 22,310 (Fisher's exact test, p = "
    )
    slow = judge(Traffic(9000, 0, 0, {20: 9000}), Traffic(900, 0, 0, {20: 800, 200: 100}), SETTINGS)
    assert (
        "the new color took longer than 30 ms for 11.1% of 900 requests, the old color for 0.0% of 9,000" in slow.words
    )
    fine = judge(old, Traffic(1204, 1, 0, {20: 1204}), SETTINGS, new_color=Color.green)
    assert fine.words == (
        "green answered 5xx to 0.083% of 1,204 requests, p50 20 ms, p99 20 ms; "
        "blue answered 5xx to 0.099% of 22,310 requests, p50 20 ms, p99 20 ms"
    )


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1000), (1000, 0), (499, 1000), (1000, 499)])
def test_too_few_requests_are_never_a_pass(old: int, new: int) -> None:
    sides = [Traffic(count, 0, 0, {20: count} if count else {}) for count in (old, new)]
    assert judge(sides[0], sides[1], SETTINGS).value == "inconclusive"


def test_few_requests_fail_only_if_chance_is_ruled_out() -> None:
    old = Traffic(800, 0, 0, {20: 800})
    assert judge(old, Traffic(40, 5, 0, {20: 40}), SETTINGS).value == "fail"
    assert judge(old, Traffic(40, 1, 0, {20: 40}), SETTINGS).value == "inconclusive"


def test_clients_that_left_a_color_that_hangs_are_seen() -> None:
    old = Traffic(9000, 0, 0, {20: 9000})
    new = Traffic(900, 0, 60, {20: 900, 150: 60})
    assert judge(old, new, SETTINGS).value == "fail"


def test_a_better_color_passes() -> None:
    old = Traffic(9000, 900, 0, {200: 9000})
    assert judge(old, Traffic(900, 0, 0, {20: 900}), SETTINGS).value == "pass"


def test_later_looks_need_more_evidence() -> None:
    old, new = Traffic(1000, 0, 0, {20: 1000}), Traffic(100, 5, 0, {20: 100})
    assert [judge(old, new, SETTINGS, look=look).value for look in (1, 5)] == ["fail", "inconclusive"]
    with pytest.raises(ValueError, match="from 1"):
        judge(old, new, SETTINGS, look=0)


def test_a_record_with_a_gap_is_used_and_mentioned() -> None:
    old, new = Traffic(1000, 0, 0, {20: 1000}), Traffic(1000, 0, 0, {20: 1000}, complete=False)
    verdict = judge(old, new, SETTINGS)
    assert verdict.value == "pass"
    assert "missing" in verdict.words


def test_shares_from_elsewhere_are_judged_the_same() -> None:
    old, new = Traffic(9000, 9, 0, {20: 9000}), Traffic(900, 50, 0, {20: 800, 200: 100})
    verdict = judge(old, new, SETTINGS)
    above = limit(SETTINGS, 20)
    shares = [
        Shares(one.requests, one.errors, {0.99: Slow(above, one.slower(above), one.requests)}, {0.99: 20.0})
        for one in (old, new)
    ]
    again = judge_shares(shares[0], shares[1], SETTINGS)
    assert again.value == verdict.value == "fail"
    # the shares have one limit, so the words about the other limits are missing
    assert verdict.words.startswith(again.words)


def test_a_level_that_only_one_color_has_is_not_tested() -> None:
    old = Shares(1000, 0, {0.99: Slow(30, 5, 1000)}, {})
    found = differences(old, Shares(1000, 0, {}, {}), SETTINGS, 0.05)
    assert [one.name for one in found] == ["errors"]


def test_chance_is_the_share_of_deals() -> None:
    # three bad answers, all from the color that got half of the requests: 1/2 * 4/9 * 3/8
    assert chance((0, 5), (3, 5)) == pytest.approx(1 / 12)


def test_an_unreadable_record_is_an_error() -> None:
    assert unreadable("no answer").value == "error"


def test_levels_fall() -> None:
    assert list(LEVELS) == sorted(LEVELS, reverse=True)

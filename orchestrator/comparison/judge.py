"""Judge whether the new color answers worse than the old color in the same window of time. All functions are pure.

The switch chooses a color at random for each request. Therefore, if both colors are equally good, each color gets bad
answers in proportion to its share of the traffic. For example, a stall that delays a hundred requests at once affects
both colors. Fisher's exact test (one-sided) assumes that both colors are equally good, and gives the probability of a
difference at least as large as the observed difference. The test assumes nothing about the distribution of response
times.

There are eight tests. One test compares the share of 5xx answers. Seven tests compare the share of requests that are
slower than a limit. Each limit is a quantile of the old color's response times (p99 to the median), multiplied by the
setting ``slower``. The limit is at least ``slower_ms`` milliseconds above the quantile. The limit of p99 finds a few
very slow requests. The limit of the median finds a general slow-down. The limits of the other quantiles find slow-downs
between these two. p99 alone would miss such a slow-down if the old color also has a few very slow requests.

A difference counts if it is significant AND larger than its margin. Without the margin, a tiny difference in a huge
number of requests would undo a release.

The setting ``significance`` is the probability of a wrong "fail" over the whole release. Each of the eight tests gets
an eighth of this probability (Bonferroni). Judgement number i gets the fraction 1 / (i * (i + 1)) of this eighth: 1/2,
1/6, 1/12, ... The fractions add up to at most 1 for any number of judgements, even if the judgements depend on each
other. The first judgements get the largest fractions, so that a badly broken release is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.comparison.traffic import Traffic
from orchestrator.config.cutover import Comparison
from orchestrator.model import Color

Value = Literal["pass", "fail", "inconclusive", "error"]

LEVELS = (0.99, 0.98, 0.97, 0.95, 0.9, 0.75, 0.5)
"""The quantiles of the response times that a comparison uses, such as 0.99 for the p99.

For each quantile, a limit is calculated from the response times of the old color. For both colors, the comparison
counts the requests that took longer than this limit.
"""


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    + value: ``pass``: no difference counts; ``fail``: a difference counts; ``inconclusive``: no difference counts, but
      there were too few requests; ``error``: the record of requests cannot be read
    + words: one line for the operator, with the numbers that led to the verdict
    """

    value: Value
    words: str


@dataclass(frozen=True)
class Slow:
    """The number of a color's requests that took longer than a limit.

    + limit: the limit in milliseconds
    + count: number of requests that took longer than the limit
    + of: number of all requests whose time is known
    """

    limit: float
    count: int
    of: int


@dataclass(frozen=True)
class Shares:
    """The numbers of one color that a comparison uses.

    + requests: number of requests that the color answered
    + errors: number of these requests that were answered with 5xx
    + slow: quantile of LEVELS -> requests that took longer than the limit of this quantile. Both colors have the same
      limit, which is calculated from the old color's quantile (``limit``). A quantile that only one color has is not
      tested.
    + quantiles: quantile of LEVELS -> milliseconds, for the words of the verdict; unknown quantiles are left out
    + complete: False if requests of the window are missing
    """

    requests: int
    errors: int
    slow: Mapping[float, Slow]
    quantiles: Mapping[float, float]
    complete: bool = True


@dataclass(frozen=True)
class Difference:
    """The result of one of the eight tests.

    + name: ``errors``, or the quantile: ``p99`` and so on
    + limit: answers slower than this many milliseconds count as slow; None for the test of errors
    + old, new: each color's share of bad answers, in per cent
    + margin: largest difference that is accepted, in percentage points
    + p: probability of a difference at least this large if both colors are equally good; None if the difference is
      within the margin
    + counts: whether the difference is larger than the margin and significant
    """

    name: str
    limit: float | None
    old: float
    new: float
    margin: float
    p: float | None
    counts: bool


def limit(settings: Comparison, quantile: float) -> float:
    """Return the time above which a request is slow, in milliseconds.

    The result is the quantile multiplied by the setting ``slower``, but at least ``slower_ms`` more than the quantile.

    + quantile: a quantile of the old color's response times, in milliseconds
    """
    return max(quantile * settings.slower, quantile + settings.slower_ms)


def margin(settings: Comparison, level: float) -> float:
    """Return the accepted difference between the colors' shares of slow requests, in percentage points.

    The new color's share may be higher than the old color's share by this number. The result is a quarter of the
    percentage of requests above the quantile. If the quarter is less than the setting ``comparison.tail``, the result
    is ``comparison.tail``. For example, 50% of the requests are above the median, so the result for the median is at
    least 12.5. These margins accept a color whose answers are all about a tenth slower.

    + level: the quantile, one of LEVELS
    """
    return max(settings.tail, 25 * (1 - level))


def judge(
    old: Traffic, new: Traffic, settings: Comparison, *, new_color: Color | None = None, look: int = 1
) -> Verdict:
    """Compare the requests of both colors in the same windows, and return the verdict.

    The weights must be the same in all windows.

    + old, new: all requests since the weight was set, not only the requests of the last window
    + new_color: the new color, for the words of the verdict; None for the words "the new color"
    + look: number of this judgement in the release, counted from 1 over all weights

    Raises ValueError if ``look`` is less than 1.
    """
    found = {level: old.quantile(level) for level in LEVELS}
    limits = {level: limit(settings, ms) for level, ms in found.items() if ms is not None}
    return judge_shares(_shares(old, limits), _shares(new, limits), settings, new_color=new_color, look=look)


def judge_shares(
    old: Shares, new: Shares, settings: Comparison, *, new_color: Color | None = None, look: int = 1
) -> Verdict:
    """Compare the shares of bad answers of both colors, and return the verdict.

    Call this function instead of ``judge`` if the record of requests does not have the time of each request.
    CloudWatch, for example, does not have these times.

    + new_color, look: as for ``judge``

    Raises ValueError if ``look`` is less than 1.
    """
    if look < 1:
        raise ValueError(f"judgements are counted from 1, not {look}")
    significance = settings.significance / (1 + len(LEVELS)) / (look * (look + 1))
    tests = differences(old, new, settings, significance)
    names = (str(new_color.other), str(new_color)) if new_color else ("the old color", "the new color")
    value: Value
    if failed := [test for test in tests if test.counts]:
        value, words = "fail", _failed(failed, old, new, names)
    elif few := [
        f"{name} answered {count:,}"
        for name, count in zip(names, (old.requests, new.requests), strict=True)
        if count < settings.min_requests
    ]:
        value = "inconclusive"
        words = f"each color must have answered {settings.min_requests:,} requests, but {', '.join(few)}"
    else:
        value, words = "pass", _alike(old, new, names)
    if not (old.complete and new.complete):
        words += " (requests are missing: the record overflowed or was emptied)"
    return Verdict(value, words)


def unreadable(why: str) -> Verdict:
    """Return the verdict ``error``: the record of requests cannot be read.

    + why: one line for the operator
    """
    return Verdict("error", why)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of several switches' verdicts. From worst to best: fail, error, inconclusive, pass."""
    order: tuple[Value, ...] = ("fail", "error", "inconclusive", "pass")
    return min(verdicts, key=lambda verdict: order.index(verdict.value))


def _shares(traffic: Traffic, limits: Mapping[float, float]) -> Shares:
    found = {level: traffic.quantile(level) for level in LEVELS}
    return Shares(
        requests=traffic.requests,
        errors=traffic.errors,
        slow={level: Slow(ms, traffic.slower(ms), traffic.timed) for level, ms in limits.items()},
        quantiles={level: ms for level, ms in found.items() if ms is not None},
        complete=traffic.complete,
    )


def differences(old: Shares, new: Shares, settings: Comparison, significance: float) -> list[Difference]:
    """Return the results of the tests: one test for the errors, and one test for each limit that both colors have.

    A test is left out if one of the colors has no requests.

    + significance: a difference is significant if its probability ``p`` is less than this number
    """
    tests: list[tuple[str, float | None, tuple[int, int], tuple[int, int], float]] = [
        ("errors", None, (old.errors, old.requests), (new.errors, new.requests), settings.errors)
    ]
    for level in LEVELS:
        if level in old.slow and level in new.slow:
            before, after = old.slow[level], new.slow[level]
            counts = (before.count, before.of), (after.count, after.of)
            tests.append((_level(level), before.limit, *counts, margin(settings, level)))
    return [_test(*one, significance) for one in tests if one[2][1] and one[3][1]]


def _test(
    name: str, above: float | None, old: tuple[int, int], new: tuple[int, int], margin: float, significance: float
) -> Difference:
    shares = [100 * count / of for count, of in (old, new)]
    p = chance(old, new) if shares[1] - shares[0] > margin else None
    return Difference(name, above, shares[0], shares[1], margin, p, p is not None and p < significance)


def chance(old: tuple[int, int], new: tuple[int, int]) -> float:
    """Return the probability that the new color has at least this many bad answers by chance alone.

    This is Fisher's exact test. It assumes that both colors are equally good, and takes the number of all bad answers
    of both colors as given.

    + old, new: pairs of the number of bad answers and the number of all answers
    """
    # imported here, because loading SciPy takes almost a second, and many releases compare nothing
    from scipy.stats import fisher_exact

    table = [[new[0], new[1] - new[0]], [old[0], old[1] - old[0]]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def _level(level: float) -> str:
    return f"p{100 * level:g}"


def _failed(tests: Sequence[Difference], old: Shares, new: Shares, names: tuple[str, str]) -> str:
    """Return the words of the verdict ``fail``.

    The words name the difference in errors, if there is one. If there are differences in slow requests, the words name
    the most significant of them.

    + tests: the tests that failed
    + names: the words for the old color and for the new color
    """
    slow = sorted((test for test in tests if test.limit is not None), key=lambda test: test.p or 0.0)
    said = [_said(test, old, new, names) for test in tests if test.limit is None]
    said += [_said(test, old, new, names) for test in slow[:1]]
    if slow[1:]:
        said.append(f"{len(slow) - 1} more limit{'s show' if slow[2:] else ' shows'} the same")
    return "; ".join(said)


def _said(test: Difference, old: Shares, new: Shares, names: tuple[str, str]) -> str:
    proof = f"Fisher's exact test, p {_p(test.p)}"
    if test.limit is None:
        does, to = "answered 5xx", "to"
    else:
        before = next((ms for level, ms in old.quantiles.items() if _level(level) == test.name), None)
        does, to = f"took longer than {test.limit:,.0f} ms", "for"
        proof = (f"{names[0]}'s {test.name} is {before:,.0f} ms; " if before is not None else "") + proof
    return (
        f"{names[1]} {does} {to} {_percent(test.new)} of {new.requests:,} requests, "
        f"{names[0]} {to} {_percent(test.old)} of {old.requests:,} ({proof})"
    )


def _p(p: float | None) -> str:
    return f"= {p:.0e}" if p is not None and p > 1e-99 else "< 1e-99"


def _alike(old: Shares, new: Shares, names: tuple[str, str]) -> str:
    sides = []
    for name, side in zip(names, (old, new), strict=True):
        times = [f"{_level(level)} {side.quantiles[level]:,.0f} ms" for level in (0.5, 0.99) if level in side.quantiles]
        errors = f"5xx to {_percent(100 * side.errors / side.requests)} of {side.requests:,} requests"
        sides.append(", ".join([f"{name} answered {errors}", *times]))
    return "; ".join(reversed(sides))


def _percent(share: float) -> str:
    return f"{share:.1f}%" if share >= 0.1 or share == 0 else f"{share:.2g}%"

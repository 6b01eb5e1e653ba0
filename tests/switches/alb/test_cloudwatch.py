"""CloudWatch's data points become the shares that are compared."""

from __future__ import annotations

from orchestrator.comparison.judge import judge_shares
from orchestrator.config.cutover import Comparison
from orchestrator.model import Color
from orchestrator.switches.alb.cloudwatch import CloudWatchTraffic, ColorTraffic, shares


def window(blue: ColorTraffic, green: ColorTraffic, threshold: float | None = 0.25) -> CloudWatchTraffic:
    return CloudWatchTraffic(0.0, 120.0, {Color.blue: blue, Color.green: green}, threshold)


def test_refused_connections_are_failures_of_the_color() -> None:
    found = shares(window(ColorTraffic(9000), ColorTraffic(900, errors=10, refused=100), None))
    assert (found[Color.green].requests, found[Color.green].errors) == (1000, 110)
    assert not found[Color.green].slow
    verdict = judge_shares(found[Color.blue], found[Color.green], Comparison(), new_color=Color.green)
    assert verdict.value == "fail"
    assert "green answered 5xx to 11.0% of 1,000 requests" in verdict.words


def test_a_longer_tail_is_seen_by_its_share() -> None:
    blue, green = ColorTraffic(9000, p99=0.2, slow=0.008), ColorTraffic(1000, p99=0.9, slow=0.04)
    found = shares(window(blue, green))
    assert found[Color.green].slow[0.99].count == 40
    assert found[Color.green].slow[0.99].limit == 250.0
    verdict = judge_shares(found[Color.blue], found[Color.green], Comparison(), new_color=Color.green)
    assert verdict.value == "fail"
    assert "took longer than 250 ms for 4.0% of 1,000 requests" in verdict.words
    equal = shares(window(blue, ColorTraffic(1000, p99=0.2, slow=0.009)))
    assert judge_shares(equal[Color.blue], equal[Color.green], Comparison()).value == "pass"


def test_times_that_only_one_color_has_are_not_compared() -> None:
    found = shares(window(ColorTraffic(9000, p99=0.2, slow=0.008), ColorTraffic(1000)))
    assert not found[Color.blue].slow
    assert judge_shares(found[Color.blue], found[Color.green], Comparison()).value == "pass"

"""Stale answers and switches back and forth, on hand-made samples."""

from __future__ import annotations

import pytest

from orchestrator.probe.sample import Failure, Kind, Sample
from orchestrator.probe.transitions import Switch, Transition, detect, transitions


def one(
    release: str | None,
    sent: float,
    took: float = 0.001,
    *,
    first: float | None = None,
    failure: Failure | None = None,
    hold: float = 0.0,
) -> Sample:
    """+ first: seconds from sending to the first byte, by default all of `took`"""
    kind = Kind.slow if hold else Kind.keepalive
    first_byte = sent + (took if first is None else first)
    return Sample(kind, "http://a", sent, sent + took, first_byte, 200, release, failure=failure, hold=hold)


def found(samples: list[Sample]) -> Transition:
    transition = detect(samples)
    assert transition is not None
    return transition


def test_detect_finds_the_switch_and_its_edges() -> None:
    it = found([one("b", 3.0), one("a", 1.0), one("a", 2.0, took=1.5), one("b", 2.5, took=0.25)])
    assert (it.at, it.old, it.new, it.stale, it.answers) == (None, "a", "b", 0, 4)
    assert (it.last_old_sent, it.last_old_answered) == (2.0, 3.5)
    assert (it.first_new_sent, it.first_new_answered) == (2.5, 2.75)
    assert it.rate == pytest.approx(4 / 2.5)


@pytest.mark.parametrize(("after", "stale"), [(-0.5, 0), (0.0, 0), (0.0049, 0), (0.0051, 1), (0.5, 1)])
def test_stale_begins_5_ms_after_the_first_new_answer(after: float, stale: int) -> None:
    samples = [one("a", 8.0), one("b", 9.0, took=1.0), one("a", 10.0 + after), one("b", 11.0)]
    assert found(samples).stale == stale


def test_exactly_5_ms_is_not_stale() -> None:
    samples = [one("a", -1.0), one("b", -0.5, took=0.5), one("a", 0.005), one("b", 1.0)]
    assert found(samples).stale == 0


def test_an_old_answer_counts_by_when_its_request_was_sent() -> None:
    samples = [one("a", 1.0, took=9.0, hold=8.0), one("b", 2.0), one("b", 12.0)]
    assert found(samples).stale == 0


def test_the_first_byte_of_a_new_answer_is_the_evidence() -> None:
    samples = [one("a", 0.0), one("b", 1.0, took=5.0, first=0.1), one("a", 1.2), one("b", 7.0)]
    it = found(samples)
    assert (it.first_new_answered, it.stale) == (1.1, 1)


def test_answers_without_a_marker_and_no_answers_say_nothing() -> None:
    broken = one("b", 1.5, failure=Failure.truncated)
    samples = [one("a", 1.0), broken, one(None, 2.0), one("a", 3.0), one("b", 4.0), one(None, 5.0)]
    it = found(samples)
    assert (it.first_new_sent, it.stale, it.answers) == (4.0, 0, 3)


def test_an_old_error_page_is_an_old_answer() -> None:
    samples = [one("a", 1.0), one("b", 2.0), one("a", 3.0, failure=Failure.status_5xx), one("b", 4.0)]
    assert found(samples).stale == 1


@pytest.mark.parametrize("samples", [[], [one("a", 1.0)], [one("a", 1.0), one("b", 2.0), one("a", 3.0)]])
def test_detect_finds_nothing_where_nothing_moved_for_good(samples: list[Sample]) -> None:
    assert detect(samples) is None


def steady(switches: list[Switch], until: float, step: float = 0.01) -> list[Sample]:
    """A perfect switch: each request gets the release that is live 1 ms after it was sent."""
    samples = []
    for i in range(int(until / step)):
        sent = i * step
        live = "a"
        for switch in switches:
            if switch.at <= sent + 0.001:
                live = switch.to
        samples.append(one(live, sent, took=0.003))
    return samples


BACK_AND_FORTH = [Switch(1.0, "b"), Switch(2.0, "a"), Switch(3.0, "b"), Switch(4.0, "a")]


def test_back_and_forth_without_stale_answers() -> None:
    its = transitions(steady(BACK_AND_FORTH, 5.0), BACK_AND_FORTH)
    assert [(it.at, it.old, it.new) for it in its] == [
        (1.0, "a", "b"),
        (2.0, "b", "a"),
        (3.0, "a", "b"),
        (4.0, "b", "a"),
    ]
    assert [it.stale for it in its] == [0, 0, 0, 0]
    for it in its:
        assert it.at is not None
        assert it.first_new_answered is not None
        assert it.last_old_sent is not None
        assert it.last_old_sent < it.at < it.first_new_answered <= it.at + 0.014
        assert it.answers in (99, 100, 101)
        assert it.rate == pytest.approx(100, rel=0.05)


def test_a_stale_answer_belongs_to_its_own_window() -> None:
    samples = [*steady(BACK_AND_FORTH, 5.0), one("a", 3.5)]
    assert [it.stale for it in transitions(samples, BACK_AND_FORTH)] == [0, 0, 1, 0]


def test_the_order_of_samples_and_switches_does_not_matter() -> None:
    samples = steady(BACK_AND_FORTH, 5.0)
    assert transitions(samples[::-1], BACK_AND_FORTH[::-1]) == transitions(samples, BACK_AND_FORTH)


def test_a_request_during_the_next_switch_may_get_either() -> None:
    samples = [*steady(BACK_AND_FORTH, 5.0), one("a", 1.995, took=0.007), one("b", 1.996, took=0.010)]
    its = transitions(samples, BACK_AND_FORTH)
    assert [it.stale for it in its] == [0, 0, 0, 0]
    assert its[1].first_new_sent == 1.995, "it is the first answer of the switch at 2.0"


def test_a_slow_request_may_get_either_only_if_routed_late() -> None:
    """A request for a 2 s answer, sent at 1.5 and answered at 3.6, was routed by 1.6: before the switch at 2.0."""
    stale = one("a", 1.5, took=2.1, hold=2.0)
    late = one("a", 1.5, took=2.6, hold=2.0)
    for sample, counts in ((stale, [1, 0, 0, 0]), (late, [0, 0, 0, 0])):
        samples = [*steady(BACK_AND_FORTH, 5.0), sample]
        assert [it.stale for it in transitions(samples, BACK_AND_FORTH)] == counts


def test_a_slow_answer_from_two_switches_ago_is_no_evidence() -> None:
    """The request went to b while b was live. Before its answer, a was live again, and then b once more."""
    samples = [*steady(BACK_AND_FORTH, 5.0), one("b", 1.9, took=1.2, hold=1.2)]
    assert [it.stale for it in transitions(samples, BACK_AND_FORTH)] == [0, 0, 0, 0]


def test_a_request_from_two_switches_ago_is_no_evidence() -> None:
    samples = [*steady(BACK_AND_FORTH, 5.0), one("b", 1.9, took=1.1005)]
    assert transitions(samples, BACK_AND_FORTH)[2].first_new_sent == 3.0


def test_a_rate_needs_time() -> None:
    (it,) = transitions([one("b", 2.0, took=0.0)], [Switch(2.0, "b")])
    assert (it.answers, it.rate) == (1, 0.0)


def test_a_third_release_is_stale() -> None:
    samples = [*steady(BACK_AND_FORTH, 5.0), one("ancient", 2.5)]
    assert [it.stale for it in transitions(samples, BACK_AND_FORTH)] == [0, 1, 0, 0]


def test_a_switch_that_did_not_happen() -> None:
    (it,) = transitions([one("a", 1.0), one("a", 3.0)], [Switch(2.0, "b")])
    assert (it.old, it.first_new_answered, it.last_old_sent, it.stale) == ("a", None, 3.0, 0)


def test_a_switch_without_any_samples() -> None:
    (it,) = transitions([], [Switch(2.0, "b")])
    assert (it.old, it.answers, it.rate, it.stale) == (None, 0, 0.0, 0)


def test_windows_whose_samples_were_dropped_say_so() -> None:
    its = transitions(steady(BACK_AND_FORTH, 5.0), BACK_AND_FORTH, kept_from=2.5)
    assert [it.partial for it in its] == [True, True, False, False]


def test_json_and_back() -> None:
    its = transitions(steady(BACK_AND_FORTH, 5.0), BACK_AND_FORTH)
    assert [Transition.from_json(it.to_json()) for it in its] == its

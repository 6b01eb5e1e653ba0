"""The differences between the nodes' clocks."""

from __future__ import annotations

import subprocess
import time

import pytest

from orchestrator.facts.clock import Clock, Offset, common, compare, fire_time, measure, offset


def test_an_answer_was_made_in_the_middle_of_the_round_trip() -> None:
    assert offset(sent=100.0, received=100.5, said=107.25) == Offset(7.0, 0.25)


def test_the_shortest_round_trip_counts() -> None:
    moments = iter([0.0, 1.0, 10.0, 10.25, 20.0, 20.5])
    answers = iter([5.0, 13.125, 99.0])
    assert measure(lambda: next(answers), clock=lambda: next(moments)) == Offset(3.0, 0.125)


def test_this_machine_agrees_with_itself() -> None:
    def ask() -> float:
        command = Clock().command().get_raw_value()
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        return Clock().process(done.stdout.splitlines())

    found = measure(ask)
    assert abs(found.seconds) <= found.uncertainty
    assert ask() == pytest.approx(time.time(), abs=60)


def clocks(uncertainty: float = 0.0, **seconds: float) -> dict[str, Offset]:
    return {name: Offset(ahead, uncertainty) for name, ahead in seconds.items()}


@pytest.mark.parametrize(
    ("offsets", "good"),
    [
        (clocks(a=0.0), True),
        (clocks(a=0.0, b=0.09), True),
        (clocks(a=0.0, b=0.12), False),
        (clocks(a=0.0, b=0.12, uncertainty=0.02), True),
        # all nodes differ from the operator's clock alike: the operator's clock is wrong
        (clocks(a=50.0, b=50.05, c=50.01), True),
        # each is within the limit of the middle clock, but two are too far apart
        (clocks(a=-0.08, b=0.0, c=0.08), False),
    ],
)
def test_only_clocks_that_are_surely_too_far_apart_are_refused(offsets: dict[str, Offset], good: bool) -> None:
    assert (compare(offsets, 0.1) is None) is good


def test_the_nodes_that_are_wrong_are_named_with_how_far() -> None:
    problem = compare(clocks(a=0.0, b=0.01, c=-2.0, d=0.02, e=7.5), 0.1)
    assert problem is not None
    assert "e is 7.490 s ahead" in problem
    assert "c is 2.010 s behind" in problem
    assert "timedatectl" in problem
    for right in ("a is", "b is", "d is"):
        assert right not in problem


def test_of_two_nodes_the_one_farther_from_the_operator_is_named() -> None:
    problem = compare(clocks(a=5.0, b=0.0), 0.1)
    assert problem is not None
    assert "a is 5.000 s ahead" in problem
    assert "b is" not in problem


def test_the_middle_of_the_clocks_counts() -> None:
    assert common(clocks(a=1.0, b=1.1, c=90.0)) == 1.1


def test_more_nodes_have_more_time_to_be_armed() -> None:
    assert fire_time(1000.0, 3.0, 3) == pytest.approx(1003.03)
    assert fire_time(1000.0, 3.0, 1000) == pytest.approx(1013.0)

"""The judgement of what the nodes recorded about a swap."""

from __future__ import annotations

from typing import get_args

import pytest

from orchestrator.facts.fired import NOTHING, Outcome, Swap, judge, parse, spread
from orchestrator.model import Color

LINES = ["wanted=7", "run=7", "color=green", "at=100.250000", "outcome=fired", "instant=100.250400", "why="]


def swapped(instant: float = 100.0, color: Color = Color.green) -> Swap:
    return Swap("fired", color, 100.0, instant)


def test_a_record_is_read() -> None:
    assert parse(LINES) == Swap("fired", Color.green, 100.25, 100.2504)


def test_no_record_and_another_runs_are_nothing() -> None:
    assert parse(["wanted=7"]) == NOTHING
    assert parse(["wanted=8", *LINES[1:]]) == NOTHING


@pytest.mark.parametrize("missing", range(2, 6))
def test_a_record_that_was_cut_is_none(missing: int) -> None:
    with pytest.raises(KeyError):
        parse(LINES[:missing] + LINES[missing + 1 :])


def test_an_unknown_outcome_is_none() -> None:
    with pytest.raises(ValueError, match="exploded"):
        parse([*LINES, "outcome=exploded"])


def test_all_nodes_that_name_the_color_are_good() -> None:
    assert judge({"a": swapped(), "b": Swap("already", Color.green)}, Color.green) is None


@pytest.mark.parametrize("outcome", [one for one in get_args(Outcome) if one not in ("fired", "already")])
def test_every_other_outcome_names_the_node(outcome: Outcome) -> None:
    problem = judge({"a": swapped(), "b": Swap(outcome, Color.green, why="Read-only file system")}, Color.green)
    assert problem is not None
    assert problem.startswith("b ")
    assert "a " not in problem.split("b ")[0]


def test_a_silent_or_wrongly_armed_node_is_named() -> None:
    problem = judge({"a": None, "b": swapped(color=Color.blue)}, Color.green)
    assert problem == "a does not say whether its live link was changed; b was armed for blue, not for green"


def test_the_spread_is_of_those_that_swapped() -> None:
    swaps = {"a": swapped(100.0), "b": swapped(100.004), "c": Swap("late", Color.green, 100.0, 107.0), "d": None}
    assert spread(swaps) == pytest.approx(4.0)
    assert spread({"a": swapped()}) == 0.0
    assert spread({"d": None}) is None

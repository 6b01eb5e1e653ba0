"""What changed between a plan and a run, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import Refused, UsageError
from orchestrator.plan.inputs import WorkersInput
from orchestrator.verbs.bound import Approved, as_saved, check_approved, check_saved, describe, save_plan
from tests.stages import plans


@pytest.mark.parametrize(
    ("key", "then", "now", "words"),
    [
        ("revision", "aaaaaaa", "bbbbbbb", "the commit (was aaaaaaa, is bbbbbbb)"),
        ("live", "r1", None, "the live release (was r1, is none)"),
        ("before", 0, 100, "green's share of the traffic (was 0, is 100)"),
        ("settings", {"keep": 3}, {"keep": 4}, "the settings"),
        ("nodes", [{"name": "node1"}, {"name": "node2"}], [{"name": "node1"}], "the nodes (now without node2)"),
        ("missing", [], [{"name": "node3"}], "the nodes that are left out (now with node3)"),
        (
            "instances",
            ["i-1", "i-2"],
            ["i-2", "i-3"],
            "the instances of the Auto Scaling group (now without i-1 and with i-3)",
        ),
        # the same nodes, of which one has another release
        ("nodes", [{"name": "node1", "former": "r0"}], [{"name": "node1", "former": "r1"}], "the nodes"),
        ("a key of 2030", 1, 2, "a key of 2030 (was 1, is 2)"),
    ],
)
def test_a_difference_in_words(key: str, then: object, now: object, words: str) -> None:
    assert describe(key, then, now) == words


@pytest.mark.parametrize(
    ("settled", "words"),
    [
        ("", "this command changed nothing"),
        ("the release of deploy@host", "this command has only settled the release of deploy@host"),
    ],
)
def test_a_refusal_says_what_was_settled_before(tmp_path: Path, settled: str, words: str) -> None:
    i = plans.inputs("release")
    saved = tmp_path / "plan.json"
    saved.write_text(json.dumps({"inputs": {**as_saved(i), "revision": "another"}}))
    with pytest.raises(Refused, match=rf"^the plan has changed since it was saved in .*: the commit .*; {words}: save"):
        check_saved(as_saved(i), str(saved), settled)
    with pytest.raises(Refused, match=rf"^the plan has changed since it was shown: the commit .*; {words}: repeat"):
        check_approved(as_saved(i), Approved({**as_saved(i), "revision": "another"}), settled)


def test_the_same_inputs_are_not_refused(tmp_path: Path) -> None:
    i = plans.inputs("release")
    saved = tmp_path / "plan.json"
    saved.write_text(json.dumps({"inputs": as_saved(i)}))
    check_saved(as_saved(i), str(saved))
    check_approved(as_saved(i), Approved(as_saved(i)))


def test_a_node_that_answers_again_changes_no_plan() -> None:
    made = replace(plans.inputs("rollback", "workers"), workers=WorkersInput(("node3",)))
    shown = replace(made, workers=WorkersInput(("node3",), ("node2",)))
    check_approved(as_saved(made), Approved(as_saved(shown)))
    with pytest.raises(Refused):
        check_approved(as_saved(made), Approved(as_saved(replace(made, workers=WorkersInput(("node2",))))))


def test_a_plan_that_cannot_be_saved_is_bad_input(tmp_path: Path) -> None:
    save_plan(str(tmp_path / "plan.json"), "{}")
    assert (tmp_path / "plan.json").read_text() == "{}"
    with pytest.raises(UsageError, match="the file cannot be written: No such file or directory"):
        save_plan(str(tmp_path / "nowhere/plan.json"), "{}")

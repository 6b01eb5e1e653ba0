"""The stages that are left of a run that stopped, from its plan and its journal."""

from __future__ import annotations

import pytest

from orchestrator.journal.history import RunHistory
from orchestrator.run.settle import begun_stages, remaining, shows
from orchestrator.stages import plan
from tests.stages import plans

CUTOVER = [{"weight": 5, "bake": 60}, {"weight": 100}]

BEFORE = [
    *("quiet", "fetch", "same", "share", "environment", "permit", "configure", "start", "watch", "warm", "gate", "bar"),
]
SHARE = ["arm 5%", "cutover 5%", "verify 5%", "bake 5%"]
WHOLE = ["arm", "cutover", "verify", "proof"]
LEADS = ["attach", "mend"]


def history(begun: list[str], done: list[str]) -> RunHistory:
    return RunHistory("release", "me", "now", None, tuple(begun), tuple(done), False, False, "", None, "")


@pytest.mark.parametrize(
    ("begun", "done", "left"),
    [
        ([], [], [*LEADS, *BEFORE, *SHARE, *WHOLE]),
        # a stage that was begun and not completed runs again, and so does a check
        (["fetch"], [], [*LEADS, *BEFORE, *SHARE, *WHOLE]),
        (["fetch"], ["quiet", "fetch"], [*LEADS, *BEFORE[2:], *SHARE, *WHOLE]),
        # the stages of a chain begin together, so a check of the same chain runs again, unless it has ended
        (["fetch", "share", "configure"], [], [*LEADS, *BEFORE, *SHARE, *WHOLE]),
        (["fetch", "share"], ["quiet", "fetch", "same"], [*LEADS, *BEFORE[3:], *SHARE, *WHOLE]),
        # a color that was started need not be quiet
        (
            ["fetch", "share", "start"],
            ["fetch", "same", "share", "start"],
            [*LEADS, "environment", "permit", "configure", "watch", "warm", "gate", "bar", *SHARE, *WHOLE],
        ),
        # a new run has another number, for which no node is armed
        (["arm 5%"], ["arm 5%"], [*LEADS, *[one for one in BEFORE if one not in ("quiet", "same")], *SHARE, *WHOLE]),
        # a former share need not be verified again once traffic has moved on
        (
            ["arm 5%", "cutover 5%", "arm"],
            [*LEADS, *BEFORE, *SHARE, "arm"],
            ["watch", "gate", "arm", "cutover", "verify", "proof"],
        ),
        (
            ["arm 5%", "cutover 5%", "arm", "cutover"],
            [*LEADS, *BEFORE, *SHARE, "arm", "cutover"],
            ["watch", "gate", "verify", "proof"],
        ),
    ],
)
def test_these_stages_are_left_until_the_commit(begun: list[str], done: list[str], left: list[str]) -> None:
    whole = plan(plans.inputs("release", full=False, cutover=CUTOVER))
    assert [stage.name for stage in remaining(history(begun, done), whole)] == left


def test_begun_stages_are_in_the_order_of_the_plan() -> None:
    whole = plan(plans.inputs("release", full=False))
    found = begun_stages(history(["start", "promote", "fetch"], []), whole)
    assert [stage.name for stage in found] == ["fetch", "start"]


def test_inherited_processes_are_begun_with_the_inputs() -> None:
    whole = plan(plans.inputs("rollback", "everything", full=False))
    assert [stage.name for stage in begun_stages(history([], []), whole)] == ["inherit"]


@pytest.mark.parametrize(("names", "shown"), [({"share", "warm"}, False), ({"fetch"}, True), ({"start"}, True)])
def test_these_stages_may_show_the_output_of_commands(names: set[str], shown: bool) -> None:
    whole = plan(plans.inputs("release", full=False))
    assert shows(stage for stage in whole.stages if stage.name in names) == shown

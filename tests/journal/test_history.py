"""What the records of a run say of where it stopped."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.journal.history import history_of, is_decided, unfinished
from orchestrator.journal.records import (
    Begin,
    Commit,
    End,
    Intent,
    PassedOver,
    Paused,
    RunInputs,
    RunRecord,
    Settled,
    StageResults,
    Undoing,
    Undone,
)

AT = "2026-01-02T03:04:05.000000Z"
BEGIN, INPUTS = Begin("release", "ann@laptop"), RunInputs({"release": "r1"})


def run(*records: RunRecord) -> list[dict[str, Any]]:
    return [{"at": AT, **record.to_json()} for record in records]


def done(stage: str) -> StageResults:
    return StageResults(stage)


def failed(stage: str) -> StageResults:
    return StageResults(stage, failed=True)


def test_a_whole_run() -> None:
    history = history_of(
        run(BEGIN, INPUTS, Intent("fetch"), done("fetch"), done("gate"), Intent("cutover"), Commit(), End("done"))
    )
    assert history.name == f"release by ann@laptop of {AT}"
    assert history.inputs == {"release": "r1"}
    assert history.begun == ("fetch", "cutover")
    assert history.done == ("fetch", "gate")
    assert (history.committed, history.undoing, history.paused, history.ended) == (True, False, "", "done")


@pytest.mark.parametrize(
    ("records", "field", "value"),
    [
        ([], "inputs", None),
        ([], "verb", "?"),
        ([BEGIN], "inputs", None),
        ([BEGIN, INPUTS, failed("fetch")], "done", ()),
        ([BEGIN, INPUTS, Undoing("why"), Undone()], "undoing", True),
        ([BEGIN, INPUTS, Undoing("why"), Undone(), End("undone", "why")], "detail", "why"),
        ([BEGIN, INPUTS, Paused("25")], "paused", "25"),
        # it went on, or is being undone: it does not wait any more
        ([BEGIN, INPUTS, Paused("25"), Undoing("abort")], "paused", ""),
        # before its own inputs stands the settling of an earlier run
        ([Undoing("earlier"), Undone(), Settled("undone"), BEGIN, INPUTS], "undoing", False),
        ([Intent("prune"), Settled("forward"), BEGIN, INPUTS, Intent("fetch")], "begun", ("fetch",)),
        # it goes on with an earlier run
        ([BEGIN, RunInputs({}, ("fetch",), ()), Intent("share")], "begun", ("fetch", "share")),
        ([BEGIN, RunInputs({}, ("fetch",), ("fetch",)), done("share")], "done", ("fetch", "share")),
    ],
)
def test_a_record_sets_a_field_of_the_history(records: list[RunRecord], field: str, value: object) -> None:
    assert getattr(history_of(run(*records)), field) == value


ENDED = run(BEGIN, INPUTS, End("done"))
OPEN = run(BEGIN, INPUTS, Intent("fetch"))
LEFT = run(BEGIN, INPUTS, Intent("fetch"), End("left"))
SETTLED = run(Undoing("OPEN stopped"), Undone(), Settled("undone"))
DIED_SETTLING = run(Undoing("OPEN stopped"))
REFUSED = run(BEGIN)
PASSED_OVER = run(BEGIN, INPUTS, PassedOver("OPEN"), End("undone"))


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([], None),
        ([ENDED], None),
        ([OPEN], OPEN),
        ([LEFT], LEFT),
        ([OPEN, ENDED], None),
        ([ENDED, OPEN], OPEN),
        ([OPEN, SETTLED], None),
        ([OPEN, REFUSED], OPEN),
        ([OPEN, SETTLED, REFUSED], None),
        # its undo has begun: that is on record in the run of the command that began it
        ([OPEN, DIED_SETTLING], [*OPEN, *DIED_SETTLING]),
        ([OPEN, DIED_SETTLING, REFUSED], [*OPEN, *DIED_SETTLING]),
        # a rollback that went on without settling the run, and was undone
        ([OPEN, PASSED_OVER], OPEN),
        ([OPEN, run(BEGIN, INPUTS, PassedOver("OPEN"), Commit(), End("done"))], None),
    ],
)
def test_the_newest_open_run_has_to_be_settled(
    runs: list[list[dict[str, Any]]], found: list[dict[str, Any]] | None
) -> None:
    assert unfinished(runs) == found


@pytest.mark.parametrize(
    ("runs", "decided"),
    [
        ([], False),
        ([REFUSED, DIED_SETTLING, PASSED_OVER], False),
        ([ENDED, REFUSED], True),
        ([OPEN, DIED_SETTLING], True),
        ([SETTLED, REFUSED], True),
    ],
)
def test_older_runs_count_if_no_run_decides(runs: list[list[dict[str, Any]]], decided: bool) -> None:
    assert is_decided(runs) is decided

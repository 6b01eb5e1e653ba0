"""A run that is paused or stopped before its end refuses verbs that settle no earlier run."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refused
from orchestrator.journal.records import Begin, End, Json, Paused, RunInputs, RunRecord
from orchestrator.verbs.pause import refuse_open

BEGUN: tuple[RunRecord, ...] = (Begin("release", "ann@laptop", "0.2.0"), RunInputs({"release": "r1"}, (), ()))


def records(*more: RunRecord) -> list[Json]:
    return [record.to_json() for record in (*BEGUN, *more)]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            (),
            "stopped before its end: complete that run with deploys/resume.py, or undo that run with deploys/abort.py",
        ),
        ((Paused("preview"),), "waits (preview): deploys/promote.py continues the release"),
        ((End("left"),), "stopped before its end"),
    ],
)
def test_an_open_run_is_refused(more: tuple[RunRecord, ...], words: str) -> None:
    with pytest.raises(Refused) as refused:
        refuse_open([records(End("done")), records(*more)])
    assert words in str(refused.value)
    # a provisioning after the run has no Inputs, and does not hide the run
    with pytest.raises(Refused):
        refuse_open([records(*more), [Begin("provision", "ann@laptop", "0.2.0").to_json(), End("done").to_json()]])


def test_a_run_that_has_ended_refuses_nothing() -> None:
    refuse_open([])
    refuse_open([records(End("done"))])
    refuse_open([records(End("undone"))])

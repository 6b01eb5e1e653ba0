"""Every kind of record, to JSON and back; what other versions wrote."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from orchestrator.journal.records import (
    KINDS,
    Begin,
    Commit,
    End,
    Intent,
    PassedOver,
    Paused,
    PlaceResult,
    RunInputs,
    RunRecord,
    Settled,
    StageResults,
    Undoing,
    Undone,
    Warned,
    parse,
    parsed,
    stamped,
)
from tests.journal.former import CASES, former

LOST = PlaceResult("node2", 5.0, "does not answer", lost=True)
FAILED = PlaceResult("node1", 1.23456, "status 1", detail="2 files", output=("first", "last"))

RECORDS: list[tuple[RunRecord, dict[str, Any]]] = [
    (Begin("release", "ann@laptop"), {"record": "begin", "verb": "release", "owner": "ann@laptop"}),
    (
        Begin("code", "ann@laptop", "0.2.0"),
        {"record": "begin", "verb": "code", "owner": "ann@laptop", "version": "0.2.0"},
    ),
    (RunInputs({"release": "r1"}), {"record": "inputs", "inputs": {"release": "r1"}}),
    (
        RunInputs({"release": "r1"}, ("fetch", "share"), ("fetch",)),
        {"record": "inputs", "inputs": {"release": "r1"}, "begun": ["fetch", "share"], "done": ["fetch"]},
    ),
    (Intent("fetch", ("node1", "node2")), {"record": "intent", "stage": "fetch", "places": ["node1", "node2"]}),
    (Intent("fetch", ("node1",), 9), {"record": "intent", "stage": "fetch", "places": ["node1"], "more": 9}),
    (
        StageResults("start", (PlaceResult("node1", 0.5, alike=9),), 0.75),
        {
            "record": "results",
            "stage": "start",
            "results": [{"place": "node1", "seconds": 0.5, "alike": 9}],
            "failed": False,
            "seconds": 0.75,
        },
    ),
    (
        StageResults("gate", (PlaceResult("node1", 0.5),), 0.75),
        {
            "record": "results",
            "stage": "gate",
            "results": [{"place": "node1", "seconds": 0.5}],
            "failed": False,
            "seconds": 0.75,
        },
    ),
    (
        StageResults("build", (LOST,), 5.0, failed=True),
        {
            "record": "results",
            "stage": "build",
            "results": [{"place": "node2", "seconds": 5.0, "error": "does not answer", "lost": True}],
            "failed": True,
            "seconds": 5.0,
        },
    ),
    (Commit(), {"record": "commit"}),
    (Paused("preview"), {"record": "paused", "text": "preview"}),
    (Undoing("gate failed"), {"record": "undoing", "text": "gate failed"}),
    (Undone(), {"record": "undone"}),
    (
        Undone((LOST,)),
        {
            "record": "undone",
            "results": [{"place": "node2", "seconds": 5.0, "error": "does not answer", "lost": True}],
            "failed": True,
            "seconds": 0.0,
        },
    ),
    (Warned("not recorded"), {"record": "warning", "text": "not recorded"}),
    (End("undone", "gate failed"), {"record": "end", "how": "undone", "detail": "gate failed", "probe": None}),
    (End("done", "", {"requests": 7}), {"record": "end", "how": "done", "detail": "", "probe": {"requests": 7}}),
    (Settled("forward"), {"record": "settled", "how": "forward"}),
    (PassedOver("release by ann"), {"record": "passed over", "run": "release by ann"}),
]


def name(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize(("record", "data"), RECORDS, ids=name)
def test_a_record_goes_to_json_and_back(record: RunRecord, data: dict[str, Any]) -> None:
    assert record.to_json() == data
    assert parse(json.loads(json.dumps(data))) == record


def test_every_kind_is_in_the_table() -> None:
    assert {type(record) for record, _ in RECORDS} == set(KINDS)
    assert len({kind.kind for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(("record", "data"), RECORDS, ids=name)
def test_unknown_fields_are_passed_over(record: RunRecord, data: dict[str, Any]) -> None:
    assert parse({"at": "2030-01-01T00:00:00.000000Z", **data, "a field of 2030": {"x": 1}}) == record


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_record_without_any_field_is_read(kind: type[RunRecord]) -> None:
    assert isinstance(parse({"record": kind.kind}), kind)


def test_unknown_kinds_are_passed_over() -> None:
    assert parse({"record": "a kind of 2030"}) is None
    assert parse({}) is None
    assert parsed([{"record": "a kind of 2030"}, {"record": "commit"}, {"stage": "fetch"}]) == [Commit()]


def test_the_result_of_a_place_is_cut_to_milliseconds() -> None:
    data = FAILED.to_json()
    assert data == {
        "place": "node1",
        "seconds": 1.235,
        "error": "status 1",
        "detail": "2 files",
        "output": ["first", "last"],
    }
    assert PlaceResult.from_json(data) == PlaceResult("node1", 1.235, "status 1", False, "2 files", ("first", "last"))


def test_a_stamp_is_utc_to_the_microsecond() -> None:
    data = stamped(Intent("fetch"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", data.pop("at"))
    assert data == Intent("fetch").to_json()


@pytest.mark.parametrize("case", CASES)
def test_every_record_of_a_former_version_is_kept_whole(case: str) -> None:
    for run in former(case).contents.runs:
        for data in run:
            record = parse(data)
            assert record is not None, data
            assert {"at": data["at"], **record.to_json()} == data

"""The SQL files of a directory."""

from __future__ import annotations

import pytest

from orchestrator.database.files import changes, in_order
from orchestrator.database.model import Phase
from orchestrator.errors import UsageError


def test_files_with_the_same_number_are_a_change() -> None:
    names = ["10_b.expand.sql", "0007_a-x.contract.sql", "0007_a-x.expand.sql", "0010.txt", ".1_x.expand.sql"]
    found = changes(dict.fromkeys(names, b"SELECT 1"))
    assert [(one.number, one.name, sorted(one.files)) for one in found] == [
        (7, "0007_a-x", [Phase.CONTRACT, Phase.EXPAND]),
        (10, "10_b", [Phase.EXPAND]),
    ]


def test_a_contract_needs_no_expand() -> None:
    assert list(changes({"1_a.contract.sql": b""})[0].files) == [Phase.CONTRACT]


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ({"0007_a.expand.sql": b"", "7_b.expand.sql": b""}, "0007_a and 7_b have the same number 7"),
        ({"0007_a.expand.sql": b"", "0007_b.contract.sql": b""}, "0007_a and 0007_b have the same number 7"),
        ({"0007_a.expnd.sql": b""}, "0007_a.expnd.sql: name the file NNNN_name.PHASE.sql"),
        ({"0007_a.sql": b""}, "0007_a.sql: name the file"),
        ({"a.expand.sql": b""}, "a.expand.sql: name the file"),
        ({"1_a.expand.sql": "é".encode("latin1")}, "1_a.expand.sql: byte 1 is not UTF-8"),
        ({"1_a.expand.sql": b"a\0"}, "NUL character"),
        ({f"1_{'a' * 100}.expand.sql": b""}, "more than 100 characters"),
        (
            {"1_a.backfill.sql": b"", "1_a.expand.sql": b""},
            "1_a has a backfill, but no check: write a file 1_a.check.sql",
        ),
    ],
)
def test_wrong_files_are_named(contents: dict[str, bytes], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        changes(contents)


def test_all_wrong_files_are_named_at_once() -> None:
    with pytest.raises(UsageError) as error:
        changes({"a.sql": b"", "b.sql": b"", "c.txt": b""})
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["a.sql", "b.sql"]


def test_files_are_ordered_by_number_and_then_by_phase() -> None:
    given = [
        "db/0010_b.expand.sql",
        "db/2_a.contract.sql",
        "db/2_a.check.sql",
        "db/2_a.expand.sql",
        "db/2_a.backfill.sql",
    ]
    assert in_order(given) == [given[3], given[4], given[2], given[1], given[0]]


@pytest.mark.parametrize("other", ["-", "schema.sql", "0001_a.later.sql"])
def test_files_with_other_names_stay_in_their_order(other: str) -> None:
    given = ["0002_b.contract.sql", other, "0001_a.expand.sql"]
    assert in_order(given) == given

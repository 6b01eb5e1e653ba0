"""A database that was restored, migrated by hand, or is another one, differs from the journal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from orchestrator.database.catalog import Catalog, Column, Table
from orchestrator.database.digests import digests
from orchestrator.database.known import Known, Mark, changed_since, differs
from orchestrator.database.model import Engine

OURS, OTHERS = "shop prod (journal lb1)", "shop staging (journal lb9)"
KNOWN = Known("expand-2", "expand", "20260601T000000Z-ccccccc", "2026-06-01T00:00:00Z")
FIRST = Mark("expand-1", "expand", "done", "20260101T000000Z-aaaaaaa", OURS, "laptop", "2026-01-01 00:00:00")
SECOND = replace(FIRST, run="expand-2", release=KNOWN.release)
HAND = Mark("20260602T000000Z-abc", "contract", "done", "", "", "desk", "2026-06-02 00:00:00")
RESOLVED = Mark("expand-2", "resolve", "done", "", "", "desk", "2026-06-03 00:00:00")


@pytest.mark.parametrize(
    "marks",
    [
        [FIRST, SECOND],
        [SECOND, replace(FIRST, run="expand-9", inventory=OTHERS)],
        # a later run of this inventory that failed
        [SECOND, replace(FIRST, run="expand-3", state="failed")],
        [FIRST, RESOLVED],
        [SECOND, HAND, RESOLVED],
        # a resumed run marks the database again
        [replace(SECOND, state="failed"), SECOND],
    ],
)
def test_a_database_that_the_journal_knows(marks: list[Mark]) -> None:
    assert differs(KNOWN, marks, OURS) is None


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        (
            [],
            "was restored from a backup, or database.url names another database: it has no mark of expand of 20260601",
        ),
        (
            [FIRST],
            "was restored from a backup: it has no mark of .* Its last mark is expand of 20260101T000000Z-aaaaaaa",
        ),
        (
            [replace(FIRST, inventory=OTHERS)],
            r"is that of another inventory: .* inventory shop staging \(journal lb9\)",
        ),
        (
            [FIRST, replace(SECOND, state="started")],
            "was restored from a backup: the journal says that .* is done, but",
        ),
        (
            [SECOND, HAND],
            "was migrated by hand after .*: contract at 2026-06-02 00:00:00 UTC .*orchestrator db on desk",
        ),
        ([RESOLVED, SECOND, HAND], "was migrated by hand"),
    ],
)
def test_a_database_that_differs_from_the_journal(marks: list[Mark], said: str) -> None:
    found = str(differs(KNOWN, marks, OURS))
    assert re.search(said, found), found
    assert found.endswith("If the schema is right, run orchestrator db resolve --run expand-2")


def test_a_journal_that_knows_no_run_accepts_every_database() -> None:
    assert differs(None, [HAND, replace(FIRST, inventory=OTHERS)], OURS) is None


def noted(*tables: Table, server: str = "15.18") -> str:
    return digests(Catalog(Engine.POSTGRES, tables), server)


ORDERS, LOG = Table("orders", columns=(Column("id", "bigint"),)), Table("log")


def test_tables_that_were_changed_or_dropped_by_hand_are_named() -> None:
    marks = [replace(SECOND, tables=noted(ORDERS, LOG))]
    more = replace(ORDERS, columns=(*ORDERS.columns, Column("sum", "int")))
    assert changed_since(marks, noted(ORDERS, LOG)) is None
    said = changed_since(marks, noted(more))
    assert said is not None
    assert f"changed by hand since {SECOND}: log, orders. Compare" in said
    assert said.endswith("run orchestrator db resolve --run expand-2")


def test_new_tables_and_the_ledger_count_as_no_change() -> None:
    marks = [replace(SECOND, tables=noted(ORDERS))]
    assert changed_since(marks, noted(ORDERS, LOG, Table("deploy_schema_runs"))) is None
    assert "deploy_schema" not in noted(Table("deploy_schema_runs"), Table("other.deploy_schema_steps"))


def test_digests_of_another_server_are_not_compared() -> None:
    marks = [replace(SECOND, tables=noted(ORDERS))]
    assert changed_since(marks, noted(LOG, server="16.1")) is None
    assert changed_since([replace(SECOND, tables="{")], noted(LOG)) is None
    assert changed_since([SECOND], noted(LOG)) is None
    assert changed_since([], noted(LOG)) is None

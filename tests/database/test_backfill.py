"""The pace of a backfill, the state that operators read, and what must wait for the end of a backfill."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.database.backfill import (
    FIRST,
    WINDOW,
    Pace,
    Progress,
    Speed,
    described,
    digest,
    refuse_beside,
    refuse_unfinished,
    unfinished,
)
from orchestrator.database.files import Change, changes, checksum
from orchestrator.database.ledger import Row, State, work
from orchestrator.database.model import Engine, Phase
from orchestrator.errors import Refused

ENGINE = Engine.MARIADB
EXPAND = "ALTER TABLE t ADD COLUMN b int"
BACKFILL = "UPDATE t SET b = a WHERE id BETWEEN :first AND :last AND b IS NULL"
CONTRACT = "ALTER TABLE t DROP COLUMN a"


def made(second: str = "CREATE TABLE u (x int)", backfill: str = BACKFILL) -> list[Change]:
    texts = {
        "1_c.expand.sql": EXPAND,
        "1_c.backfill.sql": backfill,
        "1_c.check.sql": "SELECT 0",
        "1_c.contract.sql": CONTRACT,
        "2_c.expand.sql": second,
    }
    return changes({name: text.encode() for name, text in texts.items()})


def row(statement: str = EXPAND, change: str = "1_c", phase: Phase = Phase.EXPAND) -> Row:
    return Row(change, phase, 1, 1, checksum(statement), statement, State.DONE)


def progress(rows: int = 450, total: int = 1000, backfill: str = BACKFILL, **more: object) -> dict[str, Progress]:
    sum_ = digest(made(backfill=backfill)[0].files[Phase.BACKFILL], ENGINE)
    one = Progress("1_c", sum_, done=False, last="5", end="9", rows=rows, total=total, updated="then")
    return {"1_c": replace(one, **more)}  # type: ignore[arg-type]


def said(known: dict[str, Progress], session: str = "") -> str:
    return described(made()[0], known, session, ENGINE)


def test_the_state_of_a_backfill_is_told_in_words() -> None:
    assert said({}) == "pending"
    assert said(progress()) == "450 of 1,000 rows (45%), stopped at then UTC"
    assert said(progress(error="no")) == "450 of 1,000 rows (45%), stopped at then UTC (no)"
    assert said(progress(paused="alice@desk", rate=7)) == "450 of 1,000 rows (45%), paused by alice@desk"
    assert said(progress(rate=5000.4), "session 5") == (
        "450 of 1,000 rows (45%), 5,000 rows/s, 0 s left, running in session 5"
    )
    assert said(progress(rate=1, total=9999), "s 5") == (
        "450 of 9,999 rows (4%), 1 rows/s, 2 h 39 min left, running in s 5"
    )
    assert said(progress(rate=5), "s 5") == "450 of 1,000 rows (45%), 5 rows/s, 1 min 50 s left, running in s 5"
    assert said(progress(done=True, rows=1003)) == "done, 1,003 rows"
    assert said(progress(backfill=BACKFILL + " AND a > 1")) == (
        "450 of 1,000 rows (45%), stopped at then UTC, edited since"
    )


def test_more_rows_than_at_the_beginning_are_never_100_per_cent() -> None:
    assert progress(1003, 1000)["1_c"].counts == "1,003 of 1,003 rows (99%)"
    assert progress(5, 0)["1_c"].share == 0
    assert progress(0, 0, done=True)["1_c"].share == 100


def test_a_batch_that_takes_too_long_makes_the_next_smaller() -> None:
    pace = Pace(most=5000, seconds=0.05)
    assert pace.next(1000, 0.05) == 1000
    assert pace.next(1000, 0.0625) == 800
    assert pace.next(1000, 10) == 500
    assert pace.next(1000, 0.04) == 1250
    assert pace.next(1000, 0.001) == 2000
    assert pace.next(4000, 0) == 5000
    assert pace.next(1, 10) == 1
    assert (pace.first, Pace(most=20).first) == (FIRST, 20)
    assert [pace.smaller(number) for number in (5000, 99, 9, 1)] == [500, 9, 1, 1]


@given(st.integers(1, 5000), st.floats(0, 100))
def test_a_batch_has_at_least_one_row_and_at_most_most(rows: int, took: float) -> None:
    assert 1 <= Pace(most=5000).next(rows, took) <= 5000


def test_batches_come_to_the_size_that_fits_the_time() -> None:
    pace, size = Pace(most=5000, seconds=0.05), 1
    for _ in range(20):
        size = pace.next(size, size / 60_000)
    assert size == 3000


def test_the_speed_is_that_of_the_last_seconds() -> None:
    speed = Speed()
    assert speed.add(0, 0) == 0
    assert speed.add(10, 1000) == 100
    assert speed.add(20, 3000) == 150
    for second in range(21, 100):
        last = speed.add(second, 3000 + (second - 20) * 7)
    assert last == pytest.approx(7)
    assert len(speed.seen) < WINDOW + 5


def test_a_contract_waits_for_its_backfill() -> None:
    found = made()
    works = work(found, [row()], Phase.CONTRACT, ENGINE)
    with pytest.raises(Refused, match=r"^1_c\.backfill\.sql has not begun\. Run orchestrator db backfill first$"):
        refuse_unfinished(works, found, {})
    with pytest.raises(Refused, match=r"^1_c\.backfill\.sql is not finished: 450 of 1,000 rows \(45%\)\. Run "):
        refuse_unfinished(works, found, progress())
    refuse_unfinished(works, found, progress(done=True))
    refuse_unfinished([], found, {})


def beside(second: str, known: dict[str, Progress], rows: list[Row], backfill: str = BACKFILL) -> None:
    found = made(second, backfill)
    refuse_beside(work(found, rows, Phase.EXPAND, ENGINE), found, rows, known, ENGINE)


def test_expand_waits_for_a_backfill_of_the_same_table() -> None:
    for text in ("ALTER TABLE T ADD COLUMN x int", "CREATE INDEX i ON t (x)", "CREATE TABLE x (y int REFERENCES t)"):
        with pytest.raises(
            Refused,
            match=r"^1_c\.backfill\.sql is not finished: 450 of 1,000 rows \(45%\), and 2_c\.expand\.sql changes the"
            r" same table \(t\): run orchestrator db backfill first$",
        ):
            beside(text, progress(), [row()])
        with pytest.raises(Refused, match=r"^1_c\.backfill\.sql is not finished, and 2_c"):
            beside(text, {}, [row()])
        beside(text, progress(done=True), [row()])
        # the backfill cannot have begun, because its own expand has not run
        beside(text, {}, [])
    beside("ALTER TABLE u ADD COLUMN t2 int", progress(), [row()])


def test_the_table_that_insert_fills_counts_too() -> None:
    insert = "INSERT INTO u (a) SELECT id FROM t WHERE id BETWEEN :first AND :last ON DUPLICATE KEY UPDATE u.a = u.a"
    with pytest.raises(Refused, match=r"changes the same table \(u\)"):
        beside("ALTER TABLE u ADD COLUMN x int", {}, [row()], insert)
    beside("ALTER TABLE a ADD COLUMN x int", {}, [row()], insert)


def test_a_backfill_is_unfinished_from_its_expand_to_its_end() -> None:
    found = made()
    assert unfinished(found, [], {}, ENGINE) == []
    assert [one.name for one in unfinished(found, [row()], {}, ENGINE)] == ["1_c"]
    assert [one.name for one in unfinished(found, [row()], progress(), ENGINE)] == ["1_c"]
    assert unfinished(found, [row()], progress(done=True), ENGINE) == []

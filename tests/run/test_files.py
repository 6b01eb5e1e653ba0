"""Releases whose SQL files change the schema, on fake hosts with real database servers."""

from __future__ import annotations

import re

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.database.backfill import Pace
from orchestrator.engines.backfill import _Running
from orchestrator.errors import Refused, UsageError
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.faults import before
from tests.run.shop import Shop, server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.exhaustive

ADD = "ALTER TABLE orders ADD COLUMN total int;\n"
RENAME = "ALTER TABLE orders RENAME COLUMN sum TO total;\n"
DEFAULT = "ALTER TABLE orders ALTER COLUMN sum SET DEFAULT 5;\n"
"""The lint accepts this statement. Inserts of the old code that leave out the column would fail because of a check."""
NOTE = "ALTER TABLE orders ADD COLUMN note int;\n"
DROP = "ALTER TABLE orders DROP COLUMN sum;\n"


def test_a_release_runs_its_expand_files_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = shop.commit(f0001_total__expand=ADD)
    seen: list[list[str]] = []
    before(monkeypatch, "start", lambda: seen.append(shop.columns))
    assert shop.release(ref) == 0
    made = shop.world.release("node1", Color.green)
    assert seen == [["id", "sum", "total"]]
    assert shop.ran() == [("0001_total", "expand", "done")]
    assert shop.state() == ("expanded", made, "")
    assert shop.release(ref) == 0
    assert shop.ran() == [("0001_total", "expand", "done")]


def test_a_breaking_file_ends_the_release(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = shop.world.snapshot()
    ref = shop.commit(f0001_plain__expand=ADD, f0002_total__expand=RENAME, f0003_gone__expand="DROP TABLE orders;\n")
    assert shop.release(ref) == 1
    assert (shop.world.snapshot(), shop.columns, shop.ours) == (was, ["id", "sum"], [])
    said = capsys.readouterr().err
    for line in (
        r"lint .* node1: 3 statements in 3 files: 3? ?\d* findings?: the statements would break or block",
        r"node1 \| 0002_total\.expand\.sql:1: rename-column-[0-9a-f]{8}: column orders\.sum",
        r"node1 \|     ALTER TABLE orders RENAME COLUMN sum TO total",
        r"node1 \|     harm:     each query of the old code that names the column fails",
        r"node1 \|     instead:  Expand: add a column with the new name",
        r"node1 \| 0003_gone\.expand\.sql:1: drop-table-[0-9a-f]{8}: table orders",
    ):
        assert re.search(line, said), (line, said)


def test_a_statement_that_only_the_copy_judges_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = shop.world.snapshot()
    assert shop.release(shop.commit(f0001_default__expand=DEFAULT)) == 1
    assert (shop.world.snapshot(), shop.ours) == (was, [])
    assert re.search(r"set-default-[0-9a-f]{8}: column orders\.sum", capsys.readouterr().err)


def test_an_accepted_finding_is_in_the_journal(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    ref = shop.commit(f0001_default__expand=DEFAULT)
    assert shop.release(ref) == 1
    [found] = re.findall(r"set-default-[0-9a-f]{8}", capsys.readouterr().err)
    assert shop.release(ref, (found,), "no code leaves out the column") == 0
    assert shop.ran() == [("0001_default", "expand", "done")]
    said = capsys.readouterr().err
    assert f"{found}: column orders.sum: safe because no code leaves out the column" in said
    records = [path.read_text() for path in shop.world.path.rglob("*.jsonl")]
    assert any(
        f'"accept":["{found}"]' in text and '"reason":"no code leaves out the column"' in text for text in records
    )
    assert any(f"{found}: column orders.sum: safe because no code" in text for text in records)


def test_an_unknown_finding_cannot_be_accepted(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    ref = shop.commit(f0001_total__expand=ADD)
    assert shop.release(ref, ("drop-column-00000000",), "why not") == 1
    assert "--data accept=drop-column-00000000: the stage lint has no such finding" in capsys.readouterr().err
    assert shop.ours == []


@pytest.mark.slow
def test_a_failed_release_tells_that_the_schema_stays(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = shop.world.snapshot()
    ref = shop.commit(f0001_total__expand=ADD)
    broken = shop.world.path / "node2/broken/health"
    broken.parent.mkdir()
    broken.touch()
    assert shop.release(ref) == 1
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum", "total"])
    said = capsys.readouterr().err
    assert "gate live" in said
    assert "the schema stays changed: 1 steps done" in said
    broken.unlink()
    assert shop.release(ref) == 0
    assert shop.ran() == [("0001_total", "expand", "done")]


@pytest.mark.slow
def test_a_file_that_ran_in_part_is_judged_from_there(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    # a statement alone in its transaction, then one that fails on the live database
    first = "CREATE INDEX CONCURRENTLY orders_sum ON orders (sum);\n" if shop.postgres else ADD
    second = "-- orchestrator: safe because this is a test\nALTER TABLE orders ADD CONSTRAINT few CHECK (sum < 15);\n"
    assert shop.release(shop.commit(f0001_few__expand=first + second)) == 1
    assert shop.ran() == [("0001_few", "expand", "done"), ("0001_few", "expand", "failed")]
    shop.session.execute("UPDATE orders SET sum = 12")
    assert shop.release("main") == 0, capsys.readouterr().err
    assert shop.ran() == [("0001_few", "expand", "done"), ("0001_few", "expand", "done")]


def test_the_contract_comes_before_the_next_expand(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    both = shop.commit(f0001_total__expand=ADD, f0001_total__contract=DROP)
    assert shop.release(both) == 0
    more = shop.commit(f0002_note__expand=NOTE)
    assert shop.release(more) == 1
    assert "0001_total.contract.sql is pending, and belongs to an earlier release: run deploys/contract.py first" in (
        capsys.readouterr().err
    )
    assert verbs.contract(shop.fleet(), Options()) == 0
    assert shop.columns == ["id", "total"]
    live = shop.world.live_release("node1")
    assert shop.state() == ("idle", live, live)
    assert verbs.contract(shop.fleet(), Options()) == 1
    assert f"there is nothing to contract: all contract files of {live} have run" in capsys.readouterr().err
    assert shop.release(more) == 0
    assert shop.columns == ["id", "note", "total"]


@pytest.mark.slow
def test_a_rolled_back_contract_blocks_no_release(shop: Shop) -> None:
    assert shop.release(shop.commit(f0001_total__expand=ADD, f0001_total__contract=DROP)) == 0
    assert verbs.rollback(shop.fleet(), Options()) == 0
    assert shop.release(shop.commit(f0002_note__expand=NOTE)) == 0
    assert shop.columns == ["id", "note", "sum", "total"]


def test_a_release_runs_the_contract_first(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    check = "SELECT count(*) FROM orders WHERE total IS NULL;\n"
    first = shop.commit(f0001_total__expand=ADD, f0001_total__check=check, f0001_total__contract=DROP)
    assert shop.release(first, pending="contract") == 0
    live = shop.world.live_release("node1")
    more, was = shop.commit(f0002_note__expand=NOTE), shop.world.snapshot()
    capsys.readouterr()
    assert shop.release(more, pending="contract") == 1
    said = capsys.readouterr().err
    assert "the contract comes first (database.pending): 0001_total.contract.sql" in said
    assert "nothing was released, because the contract has failed" in said
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum", "total"])
    shop.session.execute("UPDATE orders SET total = sum")
    assert shop.release(more, pending="contract") == 0
    assert shop.columns == ["id", "note", "total"]
    assert shop.ran() == [
        ("0001_total", "contract", "done"),
        ("0001_total", "expand", "done"),
        ("0002_note", "expand", "done"),
    ]
    assert shop.state()[2] == live
    with pytest.raises(Refused, match=f"the contract of {live} has removed"):
        verbs.rollback(shop.fleet(), Options(to="20260101T000000Z-0000000"))


def test_a_release_needs_to_know_whether_a_contract_is_pending(shop: Shop) -> None:
    was, ref = shop.world.snapshot(), shop.commit(f0001_total__expand=ADD)
    with pytest.raises(Refused, match=r"node1: it is unknown whether a contract must run first .* does not answer"):
        shop.release(ref, pending="contract", url=f"{shop.server.engine}://x@127.0.0.1:1/x")
    assert shop.world.snapshot() == was


@pytest.mark.slow
def test_a_contract_may_wait_for_a_release_with_other_tables(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    # a contract file without an expand file: an earlier release no longer uses the column
    assert shop.release(shop.commit(f0001_sum__contract=DROP)) == 0
    other = shop.commit(f0002_notes__expand="CREATE TABLE notes (id bigint PRIMARY KEY);\n")
    assert shop.release(other) == 1
    assert "0001_sum.contract.sql is pending, and belongs to an earlier release: run deploys/contract.py first" in (
        capsys.readouterr().err
    )
    assert shop.release(shop.commit(f0003_note__expand=NOTE), pending="defer") == 1
    assert "0001_sum.contract.sql is pending and changes the same tables (orders) as the new files: run deploys/" in (
        capsys.readouterr().err
    )
    assert shop.release(other, pending="defer") == 0
    assert verbs.contract(shop.fleet(), Options()) == 0
    assert shop.columns == ["id"]


def test_a_contract_waits_for_its_check(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    check = "SELECT count(*) FROM orders WHERE total IS NULL;\n"
    ref = shop.commit(f0001_total__expand=ADD, f0001_total__check=check, f0001_total__contract=DROP)
    assert shop.release(ref) == 0
    was = shop.world.snapshot()
    assert verbs.contract(shop.fleet(), Options()) == 1
    assert "0001_total.check.sql returns 1 and not 0" in capsys.readouterr().err
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum", "total"])
    shop.session.execute("UPDATE orders SET total = sum")
    assert verbs.contract(shop.fleet(), Options()) == 0
    assert shop.columns == ["id", "total"]


@pytest.mark.slow
def test_a_user_who_may_make_no_copy_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user, url = f"u{shop.name}", f"{shop.server.engine}://u{shop.name}:geheim@127.0.0.1:{shop.server.port}/{shop.name}"
    if shop.postgres:
        shop.session.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'geheim'")
        shop.session.execute(f"ALTER TABLE orders OWNER TO {user}")
        shop.session.execute(f"GRANT ALL ON SCHEMA public TO {user}")
    else:
        shop.session.execute(f"CREATE USER {user} IDENTIFIED BY 'geheim'")
        shop.session.execute(f"GRANT ALL ON {shop.name}.* TO {user}")
    monkeypatch.setenv("DATABASE_URL", url)
    ref = shop.commit(f0001_total__expand=ADD)
    assert shop.release(ref, url="env:DATABASE_URL") == 1
    said = capsys.readouterr().err
    assert "the shadow cannot be made" in said
    assert "geheim" not in said
    assert shop.columns == ["id", "sum"]
    monkeypatch.setenv("SHADOW_URL", shop.server.url())
    assert shop.release(ref, url="env:DATABASE_URL", shadow="env:SHADOW_URL") == 0, capsys.readouterr().err
    assert shop.columns == ["id", "sum", "total"]


def test_a_release_without_the_directory_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.release("v1") == 1
    assert re.search(r"database\.files: the release \S+ has no directory db", capsys.readouterr().err)


def test_files_need_a_url_and_no_commands(released: World) -> None:
    for database, said in (
        ({"files": "db"}, "files needs url"),
        ({"files": "db", "url": "env:X", "migrate": {"expand": "true"}}, "set either migrate"),
        ({"url": "env:X"}, "set either migrate"),
        ({"url": "env:X", "pending": "defer", "migrate": {"expand": "true"}}, "pending needs files"),
        ({"url": "env:X", "shadow": "env:Y", "migrate": {"expand": "true"}}, "shadow needs files"),
    ):
        with pytest.raises(UsageError, match=said):
            load(released.settings | {"database": database})


FILL = "UPDATE orders SET total = sum WHERE id BETWEEN :first AND :last AND total IS NULL;\n"
LEFT = "SELECT count(*) FROM orders WHERE total IS NULL;\n"


def totals(shop: Shop) -> list[tuple[int, int | None]]:
    return list(shop.session.query("SELECT id, total FROM orders ORDER BY id"))


def test_a_release_fills_the_new_column(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = shop.commit(
        f0001_total__expand=ADD, f0001_total__backfill=FILL, f0001_total__check=LEFT, f0001_total__contract=DROP
    )
    seen: list[list[tuple[int, int | None]]] = []
    before(monkeypatch, "start", lambda: seen.append(totals(shop)))
    assert shop.release(ref, backfill=True) == 0
    assert seen == [[(1, 20)]]
    assert shop.release(ref, backfill=True) == 0
    assert verbs.contract(shop.fleet(backfill=True), Options()) == 0
    assert shop.columns == ["id", "total"]


def test_a_release_whose_backfill_leaves_rows_is_undone(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.session.execute("INSERT INTO orders (id, sum) VALUES (2, 30)")
    some = FILL.replace("IS NULL", "IS NULL AND id < 2")
    was = shop.world.snapshot()
    ref = shop.commit(f0001_total__expand=ADD, f0001_total__backfill=some, f0001_total__check=LEFT)
    assert shop.release(ref, backfill=True) == 1
    said = capsys.readouterr().err
    assert re.search(
        r"backfill failed on node1: 0001_total\.backfill\.sql has passed all rows, but .* returns 1", said
    ), said
    assert shop.world.snapshot() == was
    assert totals(shop) == [(1, 20), (2, None)]
    shop.session.execute("UPDATE orders SET total = 31 WHERE id = 2")
    assert shop.release(ref, backfill=True) == 0, capsys.readouterr().err
    # the row of the first run was not filled again
    assert totals(shop) == [(1, 20), (2, 31)]


def test_a_paused_backfill_undoes_the_release(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.session.execute("INSERT INTO orders (id, sum) VALUES (2, 30)")
    monkeypatch.setattr(Pace, "first", 1)
    monkeypatch.setattr(Pace, "next", lambda self, rows, took: 1)
    wait = _Running.wait

    def paused(self: _Running, seconds: float) -> None:
        self.ledger.pause(self.file.change, "ann@desk")
        wait(self, seconds)

    ref = shop.commit(f0001_total__expand=ADD, f0001_total__backfill=FILL, f0001_total__check=LEFT)
    with monkeypatch.context() as changed:
        changed.setattr(_Running, "wait", paused)
        assert shop.release(ref, backfill=True) == 1
    assert "backfill failed on node1: ann@desk has paused 0001_total.backfill.sql" in capsys.readouterr().err
    assert totals(shop)[1] == (2, None)
    assert shop.release(ref, backfill=True) == 0, capsys.readouterr().err
    assert totals(shop) == [(1, 20), (2, 30)]


def test_a_wrong_backfill_is_refused_before_the_expand(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = shop.world.snapshot()
    all_rows = "UPDATE orders SET total = sum;\n"
    ref = shop.commit(f0001_total__expand=ADD, f0001_total__backfill=all_rows, f0001_total__check=LEFT)
    assert shop.release(ref, backfill=True) == 1
    assert re.search(r"lint failed on node1: 0001_total\.backfill\.sql:1", capsys.readouterr().err)
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum"])

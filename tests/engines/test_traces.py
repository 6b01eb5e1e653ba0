"""What the catalogs of real servers say about statements that have no result."""

from __future__ import annotations

import pytest

from orchestrator.engines import connect
from orchestrator.engines.traces import look
from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import StatementFailed


def test_the_catalog_tells_whether_a_statement_was_carried_out(database: DatabaseUrl) -> None:
    with connect(database) as session:
        session.execute("CREATE TABLE t (x int, old int)")
        for statement, seen in (
            ("CREATE TABLE a (x int)", "table a"),
            ("ALTER TABLE t ADD COLUMN y int, ADD COLUMN z int", "column t.y"),
            ("CREATE INDEX i ON t (x)", "index i of the table t"),
        ):
            before = look(session, statement)
            assert (before.done, before.seen[0]) == (False, f"there is no {seen}")
            session.execute(statement)
            after = look(session, statement)
            assert (after.done, after.seen[0]) == (True, f"the {seen} exists")
        drop = "ALTER TABLE t DROP COLUMN old"
        assert look(session, drop).done is False
        session.execute(drop)
        assert look(session, drop).done is True
        assert str(look(session, "ALTER TABLE t ADD COLUMN y int, ADD COLUMN new int")) == (
            "the catalog of the server cannot tell whether the statement was carried out"
        )


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_an_index_that_was_left_invalid_is_not_done(database: DatabaseUrl) -> None:
    with connect(database) as session:
        session.execute("CREATE TABLE t (x int)")
        session.execute("INSERT INTO t VALUES (1), (1)")
        statement = "CREATE UNIQUE INDEX CONCURRENTLY i ON t (x)"
        with pytest.raises(StatementFailed):
            session.execute(statement)
        assert str(look(session, statement)) == (
            "the index i of the table t is invalid: run orchestrator db resolve --retry"
        )

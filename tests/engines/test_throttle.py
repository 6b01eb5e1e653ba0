"""When a backfill waits: late replicas, and a query of the operator."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.database.model import Engine
from orchestrator.engines import connect
from orchestrator.engines.throttle import Throttle
from orchestrator.engines.url import DatabaseUrl, read
from orchestrator.errors import UsageError
from tests.engines.servers import Server


class Fake:
    """A session that answers each query with the same rows."""

    def __init__(self, engine: Engine, rows: list[tuple[Any, ...]]) -> None:
        self.engine = engine
        self.rows = rows
        self.asked: list[str] = []
        self.url = read(f"{engine}://app@db2/shop", {})

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        self.asked.append(statement)
        return self.rows


def slave(late: int | None) -> tuple[object, ...]:
    """A row of SHOW SLAVE STATUS."""
    return (*["x"] * 32, late, "x", "x")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([slave(0)], ""),
        ([slave(5)], ""),
        ([slave(6)], "the replica db2:3306 is 6 s late"),
        ([slave(None)], "the replica db2:3306 does not replicate"),
        ([], "the replica db2:3306 does not replicate"),
    ],
)
def test_a_late_replica_of_mariadb_is_named(rows: list[tuple[Any, ...]], why: str) -> None:
    replica = Fake(Engine.MARIADB, rows)
    assert Throttle(Fake(Engine.MARIADB, []), replicas=[replica]).why() == why  # type: ignore[arg-type, list-item]
    assert replica.asked == ["SHOW SLAVE STATUS"]


def test_a_late_replica_of_postgres_is_named() -> None:
    for rows, why in (
        ([], ""),
        ([("a", None), ("b", 1.5)], ""),
        ([("a", None), ("b", 12.4)], "the replica b is 12 s late"),
    ):
        assert Throttle(Fake(Engine.POSTGRES, rows)).why() == why  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="leave out --replica"):
        Throttle(Fake(Engine.POSTGRES, []), replicas=[Fake(Engine.POSTGRES, [])])  # type: ignore[arg-type, list-item]


def test_a_real_server_without_replicas_throttles_nothing(database: DatabaseUrl) -> None:
    with connect(database) as session:
        assert Throttle(session).why() == ""
        assert Throttle(session, "SELECT 0").why() == ""
        assert Throttle(session, "SELECT 3 > 4").why() == ""
        assert Throttle(session, "SELECT count(*) FROM (SELECT 1 AS x UNION ALL SELECT 2) AS a").why() == (
            "the query of --throttle returns 2"
        )
        for query in ("SELECT 1, 2", "SELECT 1 WHERE 1 = 0", "SELECT 1 UNION ALL SELECT 1"):
            with pytest.raises(UsageError, match=r"the query of --throttle must return one number"):
                Throttle(session, query).why()


def test_the_status_of_a_real_replica_has_the_lag(mariadb: Server) -> None:
    """A server that is told of a primary, and that does not replicate yet."""
    with mariadb.connect() as session:
        throttle = Throttle(session, replicas=[session])
        assert throttle.why() == f"the replica 127.0.0.1:{mariadb.port} does not replicate"
        session.execute(
            "CHANGE MASTER 'test' TO MASTER_HOST = '127.0.0.1', MASTER_USER = 'x', MASTER_SSL_KEY = 'before',"
            " MASTER_SSL_VERIFY_SERVER_CERT = 1"
        )
        session.execute("SET default_master_connection = 'test'")
        [row] = session.query("SHOW SLAVE STATUS")
        session.execute("RESET SLAVE 'test' ALL")
    # the column has the place that the throttle reads: between these two columns
    assert row[31:34] == ("before", None, "Yes")

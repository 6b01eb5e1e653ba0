"""Says whether a backfill must wait, because replicas are late or because a query of the operator says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.database.model import Engine
from orchestrator.engines.base import Connection
from orchestrator.errors import UsageError

LAG = 5.0
"""Seconds that a replica may be late."""
_BEHIND = 32
"""Index of the column Seconds_Behind_Master (Seconds_Behind_Source) in MariaDB and MySQL."""
_REPLICAS = """
SELECT coalesce(nullif(application_name, ''), host(client_addr), pid::text), extract(epoch FROM replay_lag)::float8
FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1
"""


class Throttle:
    """Looks at the load of the servers before each batch.

    + query: a query that returns one number. While the number is not 0, the backfill waits. Empty: no such query
    + lag: seconds that a replica may be late
    + replicas: sessions at the replicas of MariaDB or MySQL. The primary server of PostgreSQL knows its replicas
    """

    def __init__(
        self, connection: Connection, query: str = "", lag: float = LAG, replicas: Sequence[Connection] = ()
    ) -> None:
        if replicas and connection.engine is Engine.POSTGRES:
            raise UsageError("PostgreSQL itself says how late its replicas are: leave out --replica")
        self.connection = connection
        self.query = query
        self.lag = lag
        self.replicas = replicas

    def why(self) -> str:
        """Why the backfill must wait; empty if it need not. Raises UsageError if the query returns no number."""
        for name, late in self._late():
            if late is None:
                return f"the replica {name} does not replicate"
            if late > self.lag:
                return f"the replica {name} is {late:.0f} s late"
        if self.query:
            rows = self.connection.query(self.query)
            if len(rows) != 1 or len(rows[0]) != 1:
                raise UsageError("the query of --throttle must return one number, such as SELECT count(*) ...")
            if rows[0][0]:
                return f"the query of --throttle returns {rows[0][0]}"
        return ""

    def _late(self) -> Iterator[tuple[str, float | None]]:
        """Yield the name of each replica, and how late it is in seconds; None if it does not replicate."""
        if self.connection.engine is Engine.POSTGRES:
            # if the lag is NULL, the replica is not late, or the user may not read the lag
            yield from ((name, float(late or 0)) for name, late in self.connection.query(_REPLICAS))
        word = "REPLICA" if self.connection.engine is Engine.MYSQL else "SLAVE"
        for replica in self.replicas:
            rows = replica.query(f"SHOW {word} STATUS")
            yield replica.url.server, float(rows[0][_BEHIND]) if rows and rows[0][_BEHIND] is not None else None

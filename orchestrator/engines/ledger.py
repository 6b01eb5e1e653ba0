"""The ledger: tables in the database itself, which say which steps and which rows of the SQL files are done."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Mapping

from orchestrator.database.backfill import Progress
from orchestrator.database.files import checksum
from orchestrator.database.known import Mark
from orchestrator.database.ledger import Row, State, Step, Work
from orchestrator.database.model import Engine, Phase
from orchestrator.engines.base import Connection
from orchestrator.errors import Refused

STEPS = "deploy_schema_steps"
STATE = "deploy_schema_state"
BACKFILLS = "deploy_schema_backfills"
RUNS = "deploy_schema_runs"
_SHOWN = 10_000
"""Characters of a statement that the ledger stores."""
_LONG = "LONGTEXT"
"""The type of a column with a long text. In PostgreSQL, the type is TEXT."""
_KEY = "app = %s AND migration = %s AND phase = %s AND step = %s"
_BACKFILL = "app = %s AND migration = %s"
_CREATE = {
    STEPS: f"""
CREATE TABLE IF NOT EXISTS {STEPS} (
    app varchar(64) NOT NULL, migration varchar(100) NOT NULL, phase varchar(16) NOT NULL, step int NOT NULL,
    steps int NOT NULL, checksum char(64) NOT NULL, statement text NOT NULL, state varchar(16) NOT NULL,
    release_name varchar(190) NOT NULL, run_id varchar(64) NOT NULL, host varchar(190) NOT NULL,
    started_at varchar(32) NOT NULL, finished_at varchar(32) NOT NULL, error text NOT NULL,
    PRIMARY KEY (app, migration, phase, step))""",
    STATE: f"""
CREATE TABLE IF NOT EXISTS {STATE} (
    app varchar(64) NOT NULL PRIMARY KEY, state varchar(32) NOT NULL, release_name varchar(190) NOT NULL,
    barrier varchar(190) NOT NULL, updated_at varchar(32) NOT NULL)""",
    BACKFILLS: f"""
CREATE TABLE IF NOT EXISTS {BACKFILLS} (
    app varchar(64) NOT NULL, migration varchar(100) NOT NULL, checksum char(64) NOT NULL, statement text NOT NULL,
    state varchar(16) NOT NULL, last_key text NULL, end_key text NULL, rows_done bigint NOT NULL,
    rows_total bigint NOT NULL, per_second double precision NOT NULL, paused_by varchar(190) NOT NULL,
    release_name varchar(190) NOT NULL, run_id varchar(64) NOT NULL, host varchar(190) NOT NULL,
    started_at varchar(32) NOT NULL, updated_at varchar(32) NOT NULL, error text NOT NULL,
    PRIMARY KEY (app, migration))""",
    RUNS: f"""
CREATE TABLE IF NOT EXISTS {RUNS} (
    app varchar(64) NOT NULL, number int NOT NULL, run_id varchar(64) NOT NULL, phase varchar(16) NOT NULL,
    state varchar(16) NOT NULL, release_name varchar(190) NOT NULL, inventory varchar(190) NOT NULL,
    host varchar(190) NOT NULL, at varchar(32) NOT NULL, tables_after {_LONG} NOT NULL, PRIMARY KEY (app, number))""",
}


class Ledger:
    """The ledger of an application in a database.

    + app: name of the application; empty if the database belongs to one application
    + run: name of this run
    + release: the release for which this run changes the schema; empty if none was named
    """

    def __init__(self, connection: Connection, run: str, release: str = "", app: str = "") -> None:
        self.connection = connection
        self.run = run
        self.release = release
        self.app = app

    def exists(self, table: str = STEPS) -> bool:
        """Whether the database has a table of the ledger."""
        schema = "current_schema()" if self.connection.engine is Engine.POSTGRES else "database()"
        return bool(
            self.connection.query(
                f"SELECT 1 FROM information_schema.tables WHERE table_schema = {schema} AND table_name = %s",
                (table,),
            )
        )

    def create(self) -> None:
        """Create the tables that are missing. An earlier version of this tool made only some of them."""
        for table in (STATE, STEPS, BACKFILLS, RUNS):
            self._create(table)

    def _create(self, table: str) -> None:
        if self.exists(table):
            return
        if self.connection.engine is Engine.POSTGRES:
            self.connection.execute(_CREATE[table].replace(_LONG, "TEXT"))
        else:
            self.connection.execute(f"{_CREATE[table]} CHARACTER SET utf8mb4 ENGINE=InnoDB")

    def rows(self) -> list[Row]:
        """All rows. A database without the tables has no rows."""
        if not self.exists():
            return []
        found = self.connection.query(
            "SELECT migration, phase, step, steps, checksum, statement, state, release_name, run_id, host, started_at,"
            f" error FROM {STEPS} WHERE app = %s ORDER BY migration, phase, step",
            (self.app,),
        )
        return [Row(one[0], Phase(one[1]), one[2], one[3], one[4], one[5], State(one[6]), *one[7:]) for one in found]

    def note(self, work: Work, step: Step, state: State, error: str = "") -> None:
        """Write the state of a step."""
        file, now = work.file, _now()
        key = (self.app, file.change, file.phase.value, step.number)
        finished = "" if state is State.STARTED else now
        if state is not State.STARTED and self.connection.query(
            f"SELECT 1 FROM {STEPS} WHERE {_KEY} AND run_id = %s AND state = 'started'",
            (*key, self.run),
        ):
            self.connection.query(
                f"UPDATE {STEPS} SET state = %s, finished_at = %s, error = %s WHERE {_KEY}",
                (state.value, finished, error, *key),
            )
            return
        with self.connection.transaction():
            self._replace(key, work, step, (state.value, now, finished, error))

    def note_within(self, work: Work, step: Step) -> None:
        """Write that a step is done, as a part of the transaction in which the step runs."""
        now = _now()
        key = (self.app, work.file.change, work.file.phase.value, step.number)
        self._replace(key, work, step, (State.DONE.value, now, now, ""))

    def _replace(self, key: tuple[object, ...], work: Work, step: Step, said: tuple[str, str, str, str]) -> None:
        state, started, finished, error = said
        self.connection.query(f"DELETE FROM {STEPS} WHERE {_KEY}", key)
        self.connection.query(
            f"INSERT INTO {STEPS} (app, migration, phase, step, steps, checksum, statement, state, release_name,"
            " run_id, host, started_at, finished_at, error)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *key,
                *(work.total, checksum(step.statement), step.statement[:_SHOWN], state, self.release, self.run),
                *(socket.gethostname(), started, finished, error),
            ),
        )

    def resolve(self, row: Row, state: State) -> None:
        """Write what the operator has found out about a step that was started and has no result."""
        self.connection.query(
            f"UPDATE {STEPS} SET state = %s, finished_at = %s, error = %s WHERE {_KEY} AND state = 'started'",
            (state.value, _now(), f"resolved by run {self.run}", self.app, row.change, row.phase.value, row.step),
        )

    def state(self) -> Mapping[str, str]:
        """The state of the schema: ``state``, ``release``, ``barrier`` and ``updated``; empty if nothing ran."""
        if not self.exists():
            return {}
        found = self.connection.query(
            f"SELECT state, release_name, barrier, updated_at FROM {STATE} WHERE app = %s",
            (self.app,),
        )
        return dict(zip(("state", "release", "barrier", "updated"), found[0], strict=True)) if found else {}

    def set_state(self, state: str, barrier: str | None = None) -> None:
        """Write the state of the schema.

        + state: such as ``expanding``
        + barrier: the oldest release whose code fits to the schema; None to keep the barrier
        """
        kept = self.state().get("barrier", "") if barrier is None else barrier
        with self.connection.transaction():
            self.connection.query(f"DELETE FROM {STATE} WHERE app = %s", (self.app,))
            self.connection.query(
                f"INSERT INTO {STATE} (app, state, release_name, barrier, updated_at) VALUES (%s, %s, %s, %s, %s)",
                (self.app, state, self.release, kept, _now()),
            )

    def marks(self) -> list[Mark]:
        """All marks of runs that have changed the schema, oldest first. A database without the table has no marks."""
        if not self.exists(RUNS):
            return []
        found = self.connection.query(
            f"SELECT run_id, phase, state, release_name, inventory, host, at, tables_after FROM {RUNS} WHERE app = %s"
            " ORDER BY number",
            (self.app,),
        )
        return [Mark(*one) for one in found]

    def mark(self, mark: Mark) -> None:
        """Add the newest mark, and make the table if it is missing. The caller holds the lock of the schema."""
        self._create(RUNS)
        self.connection.query(
            f"INSERT INTO {RUNS} (app, number, run_id, phase, state, release_name, inventory, host, at, tables_after)"
            f" SELECT %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s FROM {RUNS} WHERE app = %s",
            (
                *(self.app, mark.run, mark.phase, mark.state, mark.release, mark.inventory, mark.host, mark.at),
                *(mark.tables, self.app),
            ),
        )

    def end_mark(self, run: str, state: str, tables: str) -> None:
        """Write into the mark of a run how the run has ended.

        + tables: what ``digests`` of database/digests.py returns for the present schema
        """
        self.connection.query(
            f"UPDATE {RUNS} SET state = %s, tables_after = %s WHERE app = %s AND run_id = %s AND state = 'started'",
            (state, tables, self.app, run),
        )

    def backfills(self) -> dict[str, Progress]:
        """How far each backfill that has begun has come, by the name of the change."""
        if not self.exists(BACKFILLS):
            return {}
        found = self.connection.query(
            "SELECT migration, checksum, state, last_key, end_key, rows_done, rows_total, per_second, paused_by,"
            f" run_id, host, updated_at, error FROM {BACKFILLS} WHERE app = %s ORDER BY migration",
            (self.app,),
        )
        return {one[0]: Progress(one[0], one[1], one[2] == State.DONE, *one[3:]) for one in found}

    def begin(self, progress: Progress, statement: str) -> None:
        """Write that this run begins or continues a backfill. A pause of the backfill ends."""
        with self.connection.transaction():
            key = (self.app, progress.change)
            found = self.connection.query(
                f"SELECT started_at FROM {BACKFILLS} WHERE {_BACKFILL} FOR UPDATE",
                key,
            )
            self.connection.query(f"DELETE FROM {BACKFILLS} WHERE {_BACKFILL}", key)
            self.connection.query(
                f"INSERT INTO {BACKFILLS} (app, migration, checksum, statement, state, last_key, end_key, rows_done,"
                " rows_total, per_second, paused_by, release_name, run_id, host, started_at, updated_at, error)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    *(*key, progress.checksum, statement[:_SHOWN], State.STARTED.value, progress.last, progress.end),
                    *(progress.rows, progress.total, progress.rate, "", self.release, self.run, socket.gethostname()),
                    *(found[0][0] if found else _now(), _now(), ""),
                ),
            )

    def advance(self, before: Progress, after: Progress) -> None:
        """Write how far a backfill has come, as a part of the transaction that changes the rows of a batch.

        Raises Refused if the ledger has another state than ``before``, because another run continues the backfill.
        """
        key = (self.app, before.change)
        found = self.connection.query(
            f"SELECT run_id, last_key, rows_done FROM {BACKFILLS} WHERE {_BACKFILL} FOR UPDATE",
            key,
        )
        if found != [(self.run, before.last, before.rows)]:
            raise Refused(f"another run continues the backfill of {before.change}: run orchestrator db status")
        self.connection.query(
            f"UPDATE {BACKFILLS} SET state = %s, last_key = %s, rows_done = %s, per_second = %s, updated_at = %s"
            f" WHERE {_BACKFILL}",
            ((State.DONE if after.done else State.STARTED).value, after.last, after.rows, after.rate, _now(), *key),
        )

    def stopped(self, change: str, error: str) -> None:
        """Write why this run of a backfill stopped."""
        self.connection.query(
            f"UPDATE {BACKFILLS} SET error = %s, updated_at = %s WHERE {_BACKFILL} AND run_id = %s",
            (error, _now(), self.app, change, self.run),
        )

    def paused(self, change: str) -> str:
        """The operator who has paused a backfill; empty if the backfill is not paused."""
        found = self.connection.query(f"SELECT paused_by FROM {BACKFILLS} WHERE {_BACKFILL}", (self.app, change))
        return str(found[0][0]) if found else ""

    def pause(self, change: str, who: str) -> None:
        """Write that a backfill is paused, unless it is done."""
        self.connection.query(
            f"UPDATE {BACKFILLS} SET paused_by = %s WHERE {_BACKFILL} AND state <> %s",
            (who, self.app, change, State.DONE.value),
        )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")

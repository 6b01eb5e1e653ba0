"""What the tests of shadows share: live databases with the schema of the labelled statements, and a program runner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from orchestrator.database.lint import Judged, lint
from orchestrator.database.model import Engine, Phase
from orchestrator.database.split import split
from orchestrator.engines.base import Connection
from orchestrator.engines.judge import run_here
from orchestrator.engines.shadow import Shadow, shadow
from orchestrator.engines.trial import Trial
from orchestrator.errors import StatementFailed
from tests.database.cases import Case
from tests.database.label import MARIADB_BASE, POSTGRES_BASE
from tests.engines.servers import Server

__all__ = ["judged", "live_database", "made", "run_here", "schema"]


def schema(engine: Engine) -> list[str]:
    """The statements that make the schema of the labelled statements, without its rows."""
    text = POSTGRES_BASE if engine is Engine.POSTGRES else MARIADB_BASE
    statements = [one.text for one in split(text, engine) if one.text]
    return [one for one in statements if not one.startswith("INSERT")]


def live_database(server: Server, *more: str) -> str:
    """Make a live database, and return its name.

    + more: statements that run after those of ``schema``
    """
    name = server.new_database()
    with server.connect(name) as session:
        if server.engine is Engine.POSTGRES:
            with suppress(StatementFailed):  # the role belongs to the server: another test may have created it
                session.execute("CREATE ROLE app LOGIN")
        if server.engine is not Engine.POSTGRES:
            # as in tests/database/label.py
            session.execute(f"ALTER DATABASE {name} CHARACTER SET utf8mb4")
        for one in (*schema(server.engine), *more):
            session.execute(one)
    return name


@contextmanager
def made(server: Server, name: str, run_id: str = "test") -> Iterator[tuple[Connection, Shadow]]:
    """A session in a live database, and a shadow of the database."""
    with server.connect(name) as live, shadow(live, f"{run_id}-{name}", run_here) as shade:
        yield live, shade


def judged(server: Server, name: str, case: Case | str, phase: Phase = Phase.EXPAND) -> Judged:
    """Judge statements with lint and shadow."""
    sql = case if isinstance(case, str) else case.sql
    with made(server, name) as (_, shade):
        return lint(sql, "test.sql", server.engine, phase, Trial(shade).run)

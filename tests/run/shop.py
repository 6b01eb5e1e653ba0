"""A fleet whose releases change the schema of a real database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.engines.base import Connection
from orchestrator.engines.shadow import commented
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from tests.engines.servers import Server
from tests.fakes.git import git
from tests.fakes.world import World


@pytest.fixture(params=["postgres", pytest.param("mariadb", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest) -> Server:
    """A server of each engine. Only `make test-all` runs the tests with both engines."""
    found: Server = request.getfixturevalue(request.param)
    return found


@dataclass
class Shop:
    """A fleet and its database.

    + session: a session at the database
    """

    world: World
    server: Server
    name: str
    session: Connection

    def fleet(self, **more: Any) -> Fleet:
        database = {"url": self.server.url(self.name), "files": "db", "deadline": 60, **more}
        return self.world.fleet(load(self.world.settings | {"database": database}))

    def commit(self, **files: str) -> str:
        """Commit SQL files, each by its name without ``.sql`` and with ``__`` for ``.``. Return the revision."""
        directory = self.world.origin / "db"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / f"{name.replace('__', '.').removeprefix('f')}.sql").write_text(text)
        git(self.world.origin, "add", "-A")
        git(self.world.origin, "commit", "-qm", "schema")
        return git(self.world.origin, "rev-parse", "HEAD").strip()

    def release(self, ref: str, accept: tuple[str, ...] = (), reason: str = "", **more: Any) -> int:
        return verbs.release(self.fleet(**more), Options(ref=ref, accept=accept, reason=reason))

    @property
    def columns(self) -> list[str]:
        rows = self.session.query(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' AND table_schema = %s",
            (self.schema,),
        )
        return sorted(name for (name,) in rows)

    @property
    def schema(self) -> str:
        return "public" if self.postgres else self.name

    @property
    def postgres(self) -> bool:
        return self.server.admin == "postgres"

    @property
    def ours(self) -> list[str]:
        """The tables of the ledger, and the shadows of this database."""
        rows = self.session.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (self.schema,)
        )
        found = [name for (name,) in rows if name.startswith("deploy_schema_")]
        shadows = [name for name, comment in commented(self.session) if comment.endswith(f", of {self.name}")]
        return sorted([*found, *shadows])

    def ran(self) -> list[tuple[str, str, str]]:
        """Change, phase and state of each step in the ledger."""
        return list(
            self.session.query(
                "SELECT migration, phase, state FROM deploy_schema_steps ORDER BY migration, phase, step"
            )
        )

    def state(self) -> tuple[str, str, str]:
        [found] = self.session.query("SELECT state, release_name, barrier FROM deploy_schema_state")
        return found

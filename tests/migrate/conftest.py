"""A directory with SQL files, and the commands for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.database.model import Engine
from orchestrator.engines import connect
from orchestrator.engines.base import Connection
from orchestrator.engines.url import DatabaseUrl
from orchestrator.migrate.command import main


@dataclass
class Site:
    """A database and the directory of its SQL files.

    + said: standard output and standard error of the last command
    """

    url: DatabaseUrl
    directory: Path
    session: Connection
    capture: pytest.CaptureFixture[str]
    said: str = field(default="", init=False)

    @property
    def postgres(self) -> bool:
        return self.url.engine is Engine.POSTGRES

    @property
    def argument(self) -> str:
        """The URL for a command."""
        return f"{self.url.engine}://{self.url.user}@127.0.0.1:{self.url.port}/{self.url.database}"

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def command(self, verb: str, *options: str) -> list[str]:
        directory = [] if verb in ("resolve", "unlock", "pause") else [str(self.directory)]
        return [verb, "--url", self.argument, *options, *directory]

    def run(self, verb: str, *options: str) -> int:
        """Run a command, and return its exit status."""
        self.capture.readouterr()
        status = main(self.command(verb, *options))
        said = self.capture.readouterr()
        self.said = said.out + said.err
        return status

    def tables(self) -> list[str]:
        """The tables of the application."""
        schema = "current_schema()" if self.postgres else "database()"
        rows = self.session.query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}")
        return sorted(name for (name,) in rows if not name.startswith("deploy_schema_"))


@pytest.fixture
def site(database: DatabaseUrl, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    directory = tmp_path / "db"
    directory.mkdir()
    with connect(database) as session:
        yield Site(database, directory, session, capsys)

"""Real database servers for tests. tests/conftest.py makes the fixtures known to all tests.

All processes of a test run share one server of each engine, which the first test starts. A test gets databases of its
own.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from orchestrator.database.model import Engine
from orchestrator.engines import connect
from orchestrator.engines.base import Connection
from orchestrator.engines.url import DatabaseUrl, read
from tests.engines import holder

ROOT = Path(__file__).parents[2]
NUMBERS = count(1)
FIXTURES = {"postgres", "mariadb", "server", "database"}


@dataclass(frozen=True)
class Server:
    """A running server. Its administrator (``postgres`` or ``root``) needs no password.

    + home: the directory of the server; it has the socket
    + pid: number of the server's process
    """

    engine: Engine
    port: int
    home: Path
    pid: int
    made: list[str] = field(default_factory=list)

    @property
    def admin(self) -> str:
        return "postgres" if self.engine is Engine.POSTGRES else "root"

    def url(self, database: str = "", user: str = "", password: str = "") -> str:
        """The URL of a database; without a name, of a database that always exists."""
        name = database or ("postgres" if self.engine is Engine.POSTGRES else "mysql")
        word = "@".join([":".join(filter(None, [user or self.admin, password])), f"127.0.0.1:{self.port}"])
        return f"{self.engine}://{word}/{name}"

    def connect(self, database: str = "") -> Connection:
        """A session of the administrator."""
        return connect(read(self.url(database), {}))

    def new_database(self) -> str:
        """Create an empty database, and return its name."""
        name = f"test{os.getpid()}x{next(NUMBERS)}"
        with self.connect() as session:
            session.execute(f"CREATE DATABASE {name}")
        self.made.append(name)
        return name

    def forget(self) -> None:
        """Drop all databases that this process has created."""
        force = " WITH (FORCE)" if self.engine is Engine.POSTGRES else ""
        with self.connect() as session:
            while self.made:
                session.execute(f"DROP DATABASE IF EXISTS {self.made.pop()}{force}")


def start(engine: Engine, directory: Path, owner: int) -> Server:
    """Return the server of this test run, and start the server if no process of the test run has done so.

    + directory: a directory that all processes of the test run share
    + owner: the process with which the server ends
    """
    place = directory / f"server-{engine}"
    place.mkdir(exist_ok=True)
    described = place / "server.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not described.exists():
            ensure_programs()
            with (place / "log").open("ab") as log:
                keeper = subprocess.Popen(
                    [sys.executable, "-m", "tests.engines.holder", engine, place, str(owner)],
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            while not described.exists():
                assert keeper.poll() is None, (place / "log").read_text()[-2000:]
                time.sleep(0.05)
    said = json.loads(described.read_text())
    return Server(engine, said["port"], Path(said["home"]), said["pid"])


@contextmanager
def own_server(engine: Engine, directory: Path) -> Iterator[Server]:
    """A server for one test, which may change the server as a whole. The server ends with the ``with`` block.

    + directory: an empty directory
    """
    server = start(engine, directory, os.getpid())
    try:
        yield server
    finally:
        os.kill(server.pid, signal.SIGKILL)


def ensure_programs() -> None:
    """Install the programs of both servers, if they are missing and this user may do so."""
    import fleet_tools

    try:
        for name in ("initdb", "postgres", "mariadbd", "mariadb-install-db"):
            holder.program(name)
    except FileNotFoundError:
        fleet_tools.ensure_database_servers()


def _shared(engine: Engine, factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = factory.getbasetemp()
    distributed = "PYTEST_XDIST_WORKER" in os.environ
    # the processes of pytest-xdist are children of the process of the test run
    server = start(engine, base.parent if distributed else base, os.getppid() if distributed else os.getpid())
    yield server
    server.forget()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server."""
    yield from _shared(Engine.POSTGRES, tmp_path_factory)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A MariaDB server."""
    yield from _shared(Engine.MARIADB, tmp_path_factory)


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    """One server after the other: the test runs once for each engine."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def database(server: Server) -> Iterator[DatabaseUrl]:
    """The URL of an empty database, for the administrator: the test runs once for each engine."""
    yield read(server.url(server.new_database()), {})
    server.forget()

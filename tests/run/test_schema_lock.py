"""A run that changes the schema holds the lock of the database, with real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from multiprocessing import Queue, get_context
from pathlib import Path

import pytest
from pyinfra.api.host import Host

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.engines.base import SCHEMA_LOCK, Connection
from orchestrator.errors import Refused, UsageError
from orchestrator.facts.migration import MigrationState
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.run.handlers import migrate
from orchestrator.stages.expand import AwaitMigration, Migrate
from tests.engines.servers import Server
from tests.fakes.world import World
from tests.run.conftest import connected

pytestmark = pytest.mark.exhaustive

EXPAND = 'echo "$RELEASE" >>"$WORLD/expanded"'


@pytest.fixture
def name(server: Server) -> str:
    return server.new_database()


@pytest.fixture
def session(server: Server, name: str) -> Iterator[Connection]:
    """A session of another program at the same database."""
    with server.connect(name) as made:
        yield made


def fleet(world: World, url: str) -> Fleet:
    database = {"user": "deploy", "url": url, "migrate": {"expand": EXPAND}, "deadline": 30}
    return world.fleet(load(world.settings | {"database": database}))


def test_a_run_holds_the_lock_while_the_command_runs(
    released: World, server: Server, name: str, session: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, held = migrate.ended, []

    def watched(this: Fleet, host: Host, action: Migrate | AwaitMigration) -> MigrationState:
        with session.lock(SCHEMA_LOCK) as got:
            held.append(not got)
        return ended(this, host, action)

    monkeypatch.setattr(migrate, "ended", watched)
    assert verbs.release(fleet(released, server.url(name)), Options(ref="v1")) == 0
    assert held == [True]
    with session.lock(SCHEMA_LOCK) as got:
        assert got


def test_a_busy_lock_stops_the_release_and_names_the_holder(
    released: World,
    server: Server,
    name: str,
    session: Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    was = released.snapshot()
    monkeypatch.setattr(migrate, "WAIT", 0.3)
    with session.lock(SCHEMA_LOCK):
        assert verbs.release(fleet(released, server.url(name)), Options(ref="v1")) == 1
    said = capsys.readouterr().err
    assert re.search(rf"another run changes the schema of this database: session {session.id}\b", said), said
    assert (released.snapshot(), (released.path / "expanded").exists()) == (was, False)


def test_an_unreachable_database_moves_no_traffic(
    released: World, server: Server, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    was = released.snapshot()
    monkeypatch.setenv("DATABASE_URL", f"{server.engine}://x:no-such-password@127.0.0.1:1/{name}")
    assert verbs.release(fleet(released, "env:DATABASE_URL"), Options(ref="v1")) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1:1" in said
    assert "no-such-password" not in said
    assert (released.snapshot(), (released.path / "expanded").exists()) == (was, False)


def test_the_url_is_made_of_variables(released: World, server: Server, name: str) -> None:
    user = "post%67res" if server.admin == "postgres" else "root"
    settings = released.settings | {
        "environment": {"path": ".env", "values": {"DB_PORT": str(server.port), "DB_NAME": name}},
        "database": {
            "user": "deploy",
            "url": f"{server.engine}://{user}@127.0.0.1:${{DB_PORT}}/${{DB_NAME}}",
            "migrate": {"expand": EXPAND},
        },
    }
    assert verbs.release(released.fleet(load(settings)), Options(ref="v1")) == 0
    assert (released.path / "expanded").read_text().split() == [released.release("node1", Color.green)]


def test_a_password_in_the_settings_is_refused(released: World) -> None:
    with pytest.raises(UsageError, match=r"database\.url: the URL has a password") as refused:
        fleet(released, "postgres://shop:not-in-settings@db/shop")
    assert "not-in-settings" not in str(refused.value)


ONCE = """
mkdir {0}/running || echo overlap >>{0}/overlaps
sleep 0.2
[ -e {0}/migrated ] || echo "$RELEASE" >{0}/migrated
rmdir {0}/running
"""


def release_in(world: World, url: str, directory: Path, statuses: Queue[int]) -> None:
    """Release in a world, and put the exit status into a queue. Runs in a process of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        connected(world, monkeypatch)
        database = {"user": "deploy", "url": url, "migrate": {"expand": ONCE.format(directory)}, "deadline": 60}
        try:
            status = verbs.release(world.fleet(load(world.settings | {"database": database})), Options(ref="v1"))
        except Refused as refused:
            status = refused.status
        statuses.put(status)


def test_of_six_releases_at_once_one_migrates(server: Server, name: str, tmp_path: Path) -> None:
    # a forked process would have the threads' locks, greenlets and signal handlers of the tests before this one
    spawned = get_context("spawn")
    statuses: Queue[int] = spawned.Queue()
    worlds = [World(tmp_path / f"world{number}") for number in range(3)]
    processes = [
        spawned.Process(target=release_in, args=(world, server.url(name), tmp_path, statuses)) for world in worlds * 2
    ]
    for process in processes:
        process.start()
    found = sorted(statuses.get(timeout=300) for _ in processes)
    for process in processes:
        process.join()
    # the lock of each inventory admits one of its two releases; the lock of the database puts these in a row
    assert found == [0, 0, 0, 3, 3, 3]
    assert len((tmp_path / "migrated").read_text().split()) == 1
    assert not (tmp_path / "overlaps").exists()

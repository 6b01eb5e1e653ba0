"""A run that changes the schema holds the lock of the database, with real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pyinfra.api.host import Host

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.engines.base import Connection
from orchestrator.errors import UsageError
from orchestrator.facts.migration import MigrationState
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.run.handlers import migrate
from orchestrator.run.schema_lock import LOCK
from tests.engines.servers import Server
from tests.fakes.world import World

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

    def watched(this: Fleet, host: Host, key: str) -> MigrationState:
        with session.lock(LOCK) as got:
            held.append(not got)
        return ended(this, host, key)

    monkeypatch.setattr(migrate, "ended", watched)
    assert verbs.release(fleet(released, server.url(name)), Options(ref="v1")) == 0
    assert held == [True]
    with session.lock(LOCK) as got:
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
    with session.lock(LOCK):
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

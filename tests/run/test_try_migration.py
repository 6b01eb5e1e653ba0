"""Releases whose own migrator is first tried on a copy of the schema, on fake hosts with real database servers."""

from __future__ import annotations

import os
import re
import signal
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gevent
import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.engines.shadow import commented
from orchestrator.errors import LockBusy
from orchestrator.fleet import Fleet
from orchestrator.journal import session
from orchestrator.options import Options
from orchestrator.run.handlers import try_migration
from tests.fakes.git import git
from tests.fakes.processes import eventually
from tests.run import migrator
from tests.run.shop import Shop, server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.exhaustive

RUN = f"{sys.executable} {migrator.__file__}"
FIRST = "0001_orders"
"""A migration that has run already, and would fail if it ran again."""
ADD = "ALTER TABLE orders ADD COLUMN total int"
DROP = "ALTER TABLE orders DROP COLUMN note"
SECRET = "s3cr3t-Pa55"


@pytest.fixture(autouse=True)
def application(shop: Shop) -> None:
    """Make the database of an application whose first migration has run."""
    key = "serial PRIMARY KEY" if shop.postgres else "int AUTO_INCREMENT PRIMARY KEY"
    shop.session.execute(f"CREATE TABLE migrations (id {key}, migration varchar(99) NOT NULL)")
    shop.session.execute("ALTER TABLE orders ADD COLUMN note int")
    shop.session.query("INSERT INTO migrations (migration) VALUES (%s)", (FIRST,))
    (shop.world.path / "url").write_text(shop.server.url(shop.name))


def commit(shop: Shop, **migrations: str) -> str:
    """Commit the first migration and more migrations. Return the revision."""
    directory = shop.world.origin / "migrations"
    directory.mkdir(exist_ok=True)
    for name, text in {FIRST: "CREATE TABLE orders (id int)", **migrations}.items():
        (directory / f"{name}.sql").write_text(text)
    git(shop.world.origin, "add", "-A")
    git(shop.world.origin, "commit", "-qm", "schema")
    return git(shop.world.origin, "rev-parse", "HEAD").strip()


def fleet(shop: Shop, redirect: dict[str, str] | None = None, **more: Any) -> Fleet:
    migrate = {"expand": RUN, "redirect": redirect or {"DATABASE_URL": "{url}"}}
    database = {"user": "deploy", "url": shop.server.url(shop.name), "migrate": migrate, "deadline": 60, **more}
    return shop.world.fleet(load(shop.world.settings | {"database": database}))


def release(shop: Shop, accept: tuple[str, ...] = (), reason: str = "", **more: Any) -> int:
    return verbs.release(fleet(shop, **more), Options(ref="main", accept=accept, reason=reason))


def noted(shop: Shop) -> list[str]:
    return [name for (name,) in shop.session.query("SELECT migration FROM migrations ORDER BY id")]


def shadows(shop: Shop) -> list[str]:
    return [name for name, comment in commented(shop.session) if comment.endswith(f", of {shop.name}")]


def seen(shop: Shop) -> tuple[object, ...]:
    """What a refused release must leave as it is."""
    return shop.world.snapshot(), shop.columns, noted(shop), shop.ours


def test_a_migration_that_only_adds_is_released(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    commit(shop, m0002_total=ADD)
    assert release(shop) == 0, capsys.readouterr().err
    assert (shop.columns, noted(shop)) == (["id", "note", "sum", "total"], [FIRST, "m0002_total"])
    assert "the command ran on a copy of the schema: 0 findings" in capsys.readouterr().err
    assert shadows(shop) == []


def test_a_migration_that_breaks_old_code_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = seen(shop)
    commit(shop, m0002_note=DROP)
    assert release(shop) == 1
    assert seen(shop) == was
    said = capsys.readouterr().err
    for line in (
        r"lint .* node1: database\.migrate\.expand: 1 finding: the command would break or block the live release",
        r"node1 \| database\.migrate\.expand: drop-column-[0-9a-f]{8}: column orders\.note",
        r"node1 \|     harm:     each query of the old code that names the column fails",
        r"node1 \|     instead:  Release code that does not use the column",
    ):
        assert re.search(line, said), (line, said)
    [found] = set(re.findall(r"drop-column-[0-9a-f]{8}", said))
    assert release(shop, ("drop-column-00000000",), "nobody reads the column") == 1
    assert "--data accept=drop-column-00000000: the stage lint has no such finding" in capsys.readouterr().err
    assert seen(shop) == was
    assert release(shop, (found,), "nobody reads the column") == 0
    assert f"{found}: column orders.note: safe because nobody reads the column" in capsys.readouterr().err
    assert (shop.columns, noted(shop)) == (["id", "sum"], [FIRST, "m0002_note"])
    records = "".join(path.read_text() for path in shop.world.path.rglob("*.jsonl"))
    assert f"{found}: column orders.note: safe because nobody reads the column" in records


def secret_url(shop: Shop) -> str:
    """The URL of a user with a password, who may do everything."""
    if shop.postgres:
        # the server lets the administrator in with any password
        return shop.server.url(shop.name, password=SECRET)
    user = f"u{shop.name}"
    shop.session.execute(f"CREATE USER {user} IDENTIFIED BY '{SECRET}'")
    shop.session.execute(f"GRANT ALL ON *.* TO {user}")
    return shop.server.url(shop.name, user, SECRET)


def test_a_migrator_that_fails_shows_its_last_lines(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    was = seen(shop)
    commit(shop, m0002_total=ADD, m0003_gone="ALTER TABLE nothing ADD COLUMN x int")
    monkeypatch.setenv("SHOP_URL", secret_url(shop))
    assert release(shop, url="env:SHOP_URL") == 1
    assert seen(shop) == was
    said = capsys.readouterr().err
    for line in (
        r"database\.migrate\.expand: fails-[0-9a-f]{8}: the command ended with status 3: .*nothing",
        r"node1 \| the last lines of the command:",
        r"node1 \|     m0002_total done",
        r"node1 \|     \w+://\w+:\*\*\*@127\.0\.0\.1:\d+/\(the copy\): m0003_gone failed",
    ):
        assert re.search(line, said), (line, said)
    records = "".join(path.read_text() for path in shop.world.path.rglob("*.jsonl"))
    assert "m0003_gone failed" in records
    sent = "".join(command for _, command in shop.world.commands)
    assert migrator.__file__ in sent
    assert SECRET not in f"{said}{records}{sent}"


def test_the_copy_may_be_on_another_server(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the user tells the other server from the server of the live database."""
    other = secret_url(shop)
    monkeypatch.setenv("SHADOW_URL", other)
    commit(shop, m0002_total=ADD)
    where = f"{shop.server.engine}://{{user}}:{{password}}@{{host}}:{{port}}/{{database}}"
    assert release(shop, redirect={"DATABASE_URL": where}, shadow="env:SHADOW_URL") == 0
    tried, live = (shop.world.path / "used").read_text().split()
    assert tried.startswith(f"{other.rpartition('/')[0]}/orchestrator_shadow_")
    assert (live, noted(shop)) == (shop.server.url(shop.name), [FIRST, "m0002_total"])


def release_in(shop: Shop) -> None:
    """Release in a process of its own."""
    gevent.reinit()
    release(shop)


def test_the_next_release_drops_the_copy_of_a_killed_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    was = seen(shop)
    commit(shop, m0002_total=f"-- wait\n{ADD}")
    operator = get_context("fork").Process(target=release_in, args=(shop,))
    operator.start()
    assert operator.pid
    eventually(lambda: (shop.world.path / "waits").exists(), 300)
    os.kill(operator.pid, signal.SIGKILL)
    operator.join()
    assert len(shadows(shop)) == 1
    assert (shop.columns, noted(shop)) == was[1:3]
    monkeypatch.setattr(session, "LEASE", 0.0)
    # the command that the dead operator has started ends with the next run, which drops its database
    Path(shop.world.path / "go").touch()
    assert release(shop) == 0, capsys.readouterr().err
    assert shadows(shop) == []
    assert noted(shop) == [FIRST, "m0002_total"]


def test_a_lock_of_another_session_is_one_clear_line(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def locked(*_: object) -> None:
        raise LockBusy("session 7 locks migrations", "55P03")

    was = seen(shop)
    monkeypatch.setattr(try_migration, "copy_rows", locked)
    assert release(shop) == 1
    assert re.search(r"node1: session 7 locks migrations: wait until no other session", capsys.readouterr().err)
    assert seen(shop) == was


@pytest.mark.slow
def test_a_migrator_is_killed_at_its_time_limit(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = seen(shop)
    commit(shop, m0002_total=f"-- wait\n{ADD}")
    assert release(shop, deadline=2) == 1
    assert "database.migrate.expand still ran on a copy of the schema after 2 s" in capsys.readouterr().err
    assert seen(shop) == was


def test_a_migrator_that_ignores_the_variables_is_noticed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    was = shop.world.snapshot()
    commit(shop, m0002_total=ADD)
    assert release(shop, redirect={"NOT_READ": "{url}"}) == 1
    said = capsys.readouterr().err
    assert f"has changed the live database {shop.name} at 127.0.0.1" in said
    assert "database.migrate.redirect do not let the command use another database" in said
    assert (shop.world.snapshot(), shadows(shop)) == (was, [])

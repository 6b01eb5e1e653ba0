"""Releases with SQL files while the database is in trouble: one clear line, no traffic moves, the next command knows.

tests/run/test_schema_lock.py has a database that cannot be reached.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gevent
import pytest

from orchestrator import verbs
from orchestrator.database.model import Engine
from orchestrator.engines.base import Connection
from orchestrator.journal import session
from orchestrator.migrate.command import main
from orchestrator.options import Options
from tests.engines.servers import Server, own_server
from tests.fakes.processes import eventually
from tests.fakes.world import World
from tests.run.shop import Shop, server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.exhaustive

ADD = "ALTER TABLE orders ADD COLUMN total int;\n"
SAFE = "-- orchestrator: safe because this is a test\n"


@contextmanager
def shop_of_its_own(released: World, engine: Engine, directory: Path) -> Iterator[Shop]:
    """A shop with a database server of its own, so that a test may change the server as a whole."""
    with own_server(engine, directory) as own:
        name = own.new_database()
        with own.connect(name) as opened:
            opened.execute("CREATE TABLE orders (id bigint PRIMARY KEY, sum int NOT NULL)")
            yield Shop(released, own, name, opened)


@pytest.fixture
def own_shop(released: World, server: Server, tmp_path: Path) -> Iterator[Shop]:  # noqa: F811 (a fixture)
    """A shop with a database server of its own, of each engine."""
    with shop_of_its_own(released, server.engine, tmp_path) as made:
        yield made


def plain(shop: Shop, rights: str = "SELECT") -> str:
    """Create a user with a password, and return the URL of this user.

    + rights: in MariaDB. In PostgreSQL, the user may only open a session
    """
    user = f"u{shop.name}"
    if shop.postgres:
        shop.session.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'geheim'")
    else:
        shop.session.execute(f"CREATE USER {user} IDENTIFIED BY 'geheim'")
        shop.session.execute(f"GRANT {rights} ON {shop.name}.* TO {user}")
    return shop.server.url(shop.name, user, "geheim")


def refused(shop: Shop, capsys: pytest.CaptureFixture[str], stage: str, said: str, **more: Any) -> None:
    """Release a version that changes the schema: the run fails in a stage, with a line, and changes nothing."""
    was = shop.world.snapshot()
    capsys.readouterr()
    assert shop.release("main", **more) == 1
    shown = capsys.readouterr().err
    assert re.search(rf"^ *{stage} .*{said}", shown, re.MULTILINE), shown
    assert "geheim" not in shown
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum"])


def test_a_wrong_password_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.commit(f0001_total__expand=ADD)
    monkeypatch.setenv("SHOP_URL", plain(shop).replace("geheim", "geheim2"))
    said = f"server 127.0.0.1:{shop.server.port} refused the password of the user u{shop.name}: correct user and"
    refused(shop, capsys, "lint", said, url="env:SHOP_URL")
    assert shop.release("main") == 0


def test_a_user_without_rights_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.commit(f0001_total__expand=ADD)
    monkeypatch.setenv("SHOP_URL", plain(shop))
    monkeypatch.setenv("SHADOW_URL", shop.server.url())
    if shop.postgres:
        shop.session.execute(f"GRANT SELECT ON orders TO u{shop.name}")
    said = f"does not allow this .*: grant the user u{shop.name} the right"
    refused(shop, capsys, "expand", said, url="env:SHOP_URL", shadow="env:SHADOW_URL")
    assert shop.release("main") == 0


def test_a_read_only_database_is_named(
    own_shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = own_shop
    shop.commit(f0001_total__expand=ADD)
    # read_only of MariaDB does not bind administrators
    monkeypatch.setenv("SHOP_URL", shop.server.url(shop.name) if shop.postgres else plain(shop, "ALL"))
    monkeypatch.setenv("SHADOW_URL", shop.server.url())
    if shop.postgres:
        on, off = (f"ALTER DATABASE {shop.name} SET default_transaction_read_only = {one}" for one in ("on", "off"))
    else:
        on, off = (f"SET GLOBAL read_only = {one}" for one in (1, 0))
    shop.session.execute(on)
    said = "is read-only .*: connect to the primary server"
    if shop.postgres:
        refused(shop, capsys, "lint", f"the shadow cannot be made: .*{said}", url="env:SHOP_URL")
    refused(shop, capsys, "expand", said, url="env:SHOP_URL", shadow="env:SHADOW_URL")
    shop.session.execute(off)
    assert shop.release("main") == 0


class SmallDisk:
    """A small file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, left: int) -> None:
        """Take all space except a number of bytes."""
        used = os.statvfs(self.path)
        size = used.f_bavail * used.f_frsize - left
        with (self.path / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def free(self) -> None:
        (self.path / "filler").unlink()


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    # the path of a Unix socket must be short
    path = Path(tempfile.mkdtemp(prefix="small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=1777", "tmpfs", path], check=True)
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
        path.rmdir()


@pytest.fixture
def cramped(
    released: World,
    server: Server,  # noqa: F811 (a fixture)
    small_disk: SmallDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """A shop whose database is on a small disk, of each engine."""
    with ExitStack() as stack:
        with monkeypatch.context() as changed:
            changed.setenv("TMPDIR", str(small_disk.path))
            made = stack.enter_context(shop_of_its_own(released, server.engine, tmp_path))
        yield made


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_named(
    cramped: Shop,
    server: Server,  # noqa: F811 (a fixture)
    small_disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    big = (
        "CREATE UNLOGGED TABLE big AS SELECT * FROM generate_series(1, 1000000) AS n;\n"
        if cramped.postgres
        else "CREATE TABLE big AS SELECT seq FROM seq_1_to_1000000;\n"
    )
    cramped.commit(f0001_big__expand=SAFE + big + ADD)
    monkeypatch.setenv("SHADOW_URL", server.url())
    # without any space, PostgreSQL stops, because it cannot write its log
    small_disk.fill(left=25 << 20)
    full = "has no space left on its disk .*: free space there, and run the command again"
    refused(cramped, capsys, "expand", full, shadow="env:SHADOW_URL")
    small_disk.free()
    assert cramped.release("main", shadow="env:SHADOW_URL") == 0, capsys.readouterr().err
    assert cramped.columns == ["id", "sum", "total"]


def slow(shop: Shop, seconds: int) -> str:
    """A statement that takes a while at the database of the shop, and not on a copy of its schema."""
    wait = (
        f"CASE WHEN current_database() = '{shop.name}' THEN pg_sleep({seconds})::text END"
        if shop.postgres
        else f"if(database() = '{shop.name}', sleep({seconds}), 0)"
    )
    return f"{SAFE}CREATE TABLE slow AS SELECT {wait} AS x;\n"


def running(shop: Shop, own: Connection) -> int:
    """The session that runs the slow statement at the database of the shop; 0 if there is none."""
    found = own.query(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE %s AND state = 'active' AND datname = %s"
        if shop.postgres
        else "SELECT id FROM information_schema.processlist WHERE info LIKE %s AND db = %s",
        ("CREATE TABLE slow %", shop.name),
    )
    return int(found[0][0]) if found else 0


def test_a_session_that_is_killed_during_expand(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.commit(f0001_slow__expand=slow(shop, 600), f0002_total__expand=ADD)

    def kill() -> None:
        with shop.server.connect() as admin:
            eventually(lambda: running(shop, admin) != 0, 300)
            admin.end(running(shop, admin))

    killer = threading.Thread(target=kill)
    killer.start()
    refused(shop, capsys, "expand", "connection to .* broke during CREATE TABLE slow .*may have carried out")
    killer.join()
    shop.commit(f0001_slow__expand=slow(shop, 0))
    if not shop.postgres:
        # only the server knows whether it has carried out the statement
        refused(shop, capsys, "lint", "step 1 of 0001_slow.expand.sql was started by run .* and has no result")
        assert main(["resolve", "--url", shop.server.url(shop.name), "--retry"]) == 0
    assert shop.release("main") == 0
    assert shop.columns == ["id", "sum", "total"]


def release_in(shop: Shop) -> None:
    """Release in a process of its own."""
    gevent.reinit()
    shop.release("main")


def test_an_operator_that_is_killed_during_expand(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    was = shop.world.snapshot()
    shop.commit(f0001_slow__expand=slow(shop, 5), f0002_total__expand=ADD)
    operator = get_context("fork").Process(target=release_in, args=(shop,))
    operator.start()
    assert operator.pid
    with shop.server.connect() as admin:
        eventually(lambda: running(shop, admin) != 0, 300)
        os.kill(operator.pid, signal.SIGKILL)
    operator.join()
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.abort(shop.fleet(), Options()) == 0
    said = capsys.readouterr().err
    assert shop.world.snapshot() == was
    if shop.postgres:
        # nobody commits the transaction of the dead operator
        assert "the schema was not changed" in said
    else:
        assert "it is unknown whether the server has carried out step 1 of 0001_slow.expand.sql" in said
        refused(shop, capsys, "lint", "step 1 of 0001_slow.expand.sql was started by run .* and has no result")
        assert shop.session.query("SELECT count(*) FROM slow") == [(1,)]
        assert main(["resolve", "--url", shop.server.url(shop.name), "--done"]) == 0
    assert shop.release("main") == 0, capsys.readouterr().err
    assert shop.columns == ["id", "sum", "total"]

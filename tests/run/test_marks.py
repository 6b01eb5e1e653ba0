"""A database that was restored or migrated by hand is noticed before the schema changes, with real servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.engines import connect
from orchestrator.engines.url import read
from orchestrator.migrate.command import main
from orchestrator.options import Options
from tests.run.shop import Shop, server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.exhaustive

ADD = "ALTER TABLE orders ADD COLUMN total int;\n"
MORE = "ALTER TABLE orders ADD COLUMN note int;\n"
EXPAND: dict[str, Any] = {
    "files": None,
    "user": "deploy",
    "migrate": {"expand": 'echo "$RELEASE" >>"$WORLD/expanded"; echo ran'},
}


def resolve(shop: Shop, said: str) -> None:
    """Run the command that a message names."""
    [run] = set(re.findall(r"orchestrator db resolve --run (\S+)", said))
    assert main(["resolve", "--url", shop.server.url(shop.name), "--run", run]) == 0


def marks(shop: Shop) -> list[tuple[str, str]]:
    return list(shop.session.query("SELECT phase, state FROM deploy_schema_runs ORDER BY number"))


def test_a_restored_database_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.release(shop.commit(f0001_total__expand=ADD)) == 0
    assert shop.release("main") == 0
    assert marks(shop) == [("expand", "done")] * 2
    # as after a backup from before the second release
    shop.session.execute("DELETE FROM deploy_schema_runs WHERE number = 2")
    was, ref = shop.world.snapshot(), shop.commit(f0002_note__expand=MORE)
    capsys.readouterr()
    assert shop.release(ref) == 1
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum", "total"])
    said = capsys.readouterr().err
    assert re.search(r"lint .*the database was restored from a backup: it has no mark of expand of \S+ \(run", said)
    assert verbs.show_status(shop.fleet(), Options()) == 0
    shown = capsys.readouterr().out
    assert "database     last change: expand of " in shown
    assert "database     the database was restored from a backup: it has no mark" in shown
    resolve(shop, said)
    assert shop.release(ref) == 0
    assert shop.columns == ["id", "note", "sum", "total"]
    capsys.readouterr()
    assert verbs.show_status(shop.fleet(), Options()) == 0
    assert "database     the database was restored" not in capsys.readouterr().out


def test_a_table_that_was_changed_by_hand_is_named(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.release(shop.commit(f0001_total__expand=ADD)) == 0
    shop.session.execute("ALTER TABLE orders ADD COLUMN quick int")
    ref = shop.commit(f0002_note__expand=MORE)
    assert shop.release(ref) == 1
    said = capsys.readouterr().err
    assert re.search(r"the schema was changed by hand since expand of .*: orders\. Compare", said), said
    assert main(["status", "--url", shop.server.url(shop.name), str(shop.world.origin / "db")]) == 0
    shown = capsys.readouterr().out
    assert "last change: expand of " in shown
    assert "the schema was changed by hand since" in shown
    resolve(shop, said)
    assert shop.release(ref) == 0


def test_files_that_were_run_by_hand_are_named(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.release(shop.commit(f0001_total__expand=ADD)) == 0
    shop.commit(f0002_note__expand=MORE)
    assert main(["expand", "--url", shop.server.url(shop.name), str(shop.world.origin / "db")]) == 0
    assert shop.release("main") == 1
    said = capsys.readouterr().err
    assert re.search(
        r"migrated by hand after expand of \S+ .*: expand at \S+ \S+ UTC \(run .*, orchestrator db on", said
    )
    resolve(shop, said)
    assert shop.release("main") == 0
    assert marks(shop) == [("expand", "done"), ("expand", "done"), ("resolve", "done"), ("expand", "done")]


def test_a_contract_notices_a_restored_database(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    drop = "ALTER TABLE orders DROP COLUMN sum;\n"
    assert shop.release(shop.commit(f0001_total__expand=ADD, f0001_total__contract=drop)) == 0
    shop.session.execute("DELETE FROM deploy_schema_runs")
    was = shop.world.snapshot()
    assert verbs.contract(shop.fleet(), Options()) == 1
    assert (shop.world.snapshot(), shop.columns) == (was, ["id", "sum", "total"])
    said = capsys.readouterr().err
    assert "was restored from a backup, or database.url names another database" in said
    resolve(shop, said)
    assert verbs.contract(shop.fleet(), Options()) == 0
    assert marks(shop) == [("resolve", "done"), ("contract", "done")]


def test_a_command_does_not_run_on_a_restored_database(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    expanded = shop.world.path / "expanded"
    assert shop.release("v1", **EXPAND) == 0
    assert marks(shop) == [("expand", "done")]
    shop.session.execute("ALTER TABLE orders ADD COLUMN quick int")
    assert shop.release("v1", **EXPAND) == 0
    assert re.search(r"warning: node1: the schema was changed by hand since .*: orders\.", capsys.readouterr().err)
    shop.session.execute("DROP TABLE deploy_schema_runs")
    was = shop.world.snapshot()
    assert shop.release("v1", **EXPAND) == 1
    assert (shop.world.snapshot(), len(expanded.read_text().split())) == (was, 2)
    resolve(shop, capsys.readouterr().err)
    assert shop.release("v1", **EXPAND) == 0
    assert len(expanded.read_text().split()) == 3


def test_a_command_that_fails_leaves_a_failed_mark(shop: Shop) -> None:
    failing = EXPAND | {"migrate": {"expand": "exit 3"}}
    assert shop.release("v1", **failing) == 1
    assert marks(shop) == [("expand", "failed")]
    assert shop.release("v1", **EXPAND) == 0
    assert marks(shop) == [("expand", "failed"), ("expand", "done")]


def status(shop: Shop, capsys: pytest.CaptureFixture[str], url: str, **more: Any) -> list[str]:
    """Return the lines of the verb `status` about the database, when ``database.url`` is a given URL."""
    capsys.readouterr()
    settings = load(shop.world.settings | {"database": {"url": url, "files": "db"}} | more)
    assert verbs.show_status(shop.world.fleet(settings), Options()) == 0
    said = capsys.readouterr().out.splitlines()
    return [line.removeprefix("  database     ") for line in said if line.startswith("  database     ")]


def test_status_changes_nothing_in_the_database(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(shop, capsys, shop.server.url(shop.name)) == []
    assert shop.ours == []


def test_status_works_without_the_database(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    [line] = status(shop, capsys, f"{shop.server.engine}://x@127.0.0.1:1/x")
    assert line.startswith("unknown: the database server 127.0.0.1:1 does not answer")
    [line] = status(shop, capsys, "env:NO_SUCH_VARIABLE")
    assert line.startswith("unknown: ")
    assert "NO_SUCH_VARIABLE" in line


def test_status_runs_no_command_of_the_environment(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.release(shop.commit(f0001_total__expand=ADD)) == 0
    ran = tmp_path / "ran"
    file = tmp_path / "variables"
    file.write_text(f"NAME={shop.name}\nWHOLE=${{PASSWORD}}@127.0.0.1\n")
    environment = {"file": str(file), "commands": {"PASSWORD": f"touch {ran}; echo geheim"}}
    # the shell's value is not the value of the release
    monkeypatch.setenv("PASSWORD", "of the shell")
    for name in ("PASSWORD", "WHOLE"):
        [line] = status(shop, capsys, f"{shop.server.engine}://${{{name}}}/${{NAME}}", environment=environment)
        assert line.startswith(f"not read, because database.url needs {name} from environment.commands")
    [line] = status(shop, capsys, shop.server.url("${NAME}"), environment=environment)
    assert line.startswith("last change: expand of ")
    assert not ran.exists()


def test_status_does_not_wait_for_a_table_that_is_locked(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.release(shop.commit(f0001_total__expand=ADD)) == 0
    lock = "LOCK TABLE orders" if shop.postgres else "LOCK TABLES orders WRITE"
    with connect(read(shop.server.url(shop.name), {})) as other:
        if shop.postgres:
            # the server reads the table to show this default
            other.execute("ALTER TABLE orders ALTER COLUMN sum SET DEFAULT 1 + 1")
            other.execute("BEGIN")
        other.execute(lock)
        [first, *rest] = status(shop, capsys, shop.server.url(shop.name))
        assert main(["status", "--url", shop.server.url(shop.name), str(shop.world.origin / "db")]) == 0
    assert first.startswith("last change: expand of ")
    if shop.postgres:
        assert re.fullmatch(
            r"it is unknown whether tables were changed by hand: .* gave up reading the schema after \d+ s, because "
            r"another session holds a lock: session \d+ \(.*LOCK TABLE orders.*",
            rest[0],
        )
    else:
        assert rest == []

"""The command ``orchestrator db lint --shadow``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.database.decide import DECIDED
from orchestrator.engines.shadow import commented
from tests.engines.servers import Server
from tests.engines.shadows import live_database

ROOT = Path(__file__).parents[2]
BOTH = {
    "0001_a.expand.sql": "CREATE TABLE invoices (id int PRIMARY KEY);",
    "0002_b.expand.sql": "CREATE OR REPLACE VIEW order_names AS SELECT o.id, c.name, o.total FROM orders o"
    " JOIN customers c ON c.id = o.customer_id;\nINSERT INTO invoices VALUES (1);",
    "0003_c.expand.sql": "ALTER TABLE orders DROP COLUMN body;\nALTER TABLE nothing ADD COLUMN x int;",
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in BOTH.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.usefixtures("files")
def test_the_command_judges_files_with_a_shadow(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = live_database(server)
    monkeypatch.setenv("DATABASE_URL", server.url(name))
    good, bad = sorted(BOTH)[:2], sorted(BOTH)
    assert cli.main(["db", "lint", "--engine", server.engine, *good]) == 1
    assert cli.main(["db", "lint", "--shadow", "env:DATABASE_URL", *good]) == 0
    assert capsys.readouterr().out.endswith("3 statements in 2 files: 0 findings\n")
    assert cli.main(["db", "lint", "--json", "--shadow", "env:DATABASE_URL", *bad]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["engine"] == server.engine
    assert [one["rule"] for one in said["files"][2]["findings"]] == ["drop-column", "fails"]
    with server.connect() as session:
        assert not [one for one, comment in commented(session) if comment.endswith(f", of {name}")]


@pytest.mark.usefixtures("files")
def test_a_shadow_on_a_named_server_is_the_same_judge(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--shadow", server.url(live_database(server)), "--shadow-server", server.url()]
    assert cli.main(["db", "lint", *words, *sorted(BOTH)[:2]]) == 0
    # the named server is the server of the live database
    name = server.new_database()
    Path("0004_d.expand.sql").write_text(f"/* a */ CREATE TABLE {name}.more (id int);")
    capsys.readouterr()
    status = cli.main(["db", "lint", *words, "0004_d.expand.sql"])
    assert ("not-tried" in capsys.readouterr().out) == (server.engine == "mariadb")
    assert status == 1


@pytest.mark.usefixtures("files")
def test_wrong_servers_end_with_one_line(postgres: Server, mariadb: Server, capsys: pytest.CaptureFixture[str]) -> None:
    live = postgres.url(postgres.new_database())
    for words, status, said in (
        (["--shadow", "postgres://app:secret@127.0.0.1/shop"], 2, "write env:DATABASE_URL"),
        (["--shadow", "env:NO_SUCH_URL"], 2, "NO_SUCH_URL is not set"),
        (["--shadow-server", live, "--engine", "postgres"], 2, "--shadow-server needs --shadow"),
        (["--shadow", live, "--engine", "mysql"], 2, "the server of --shadow is postgres"),
        (["--shadow", live, "--shadow-server", mariadb.url()], 3, "is not a server of the kind postgres"),
        (["--shadow", f"{live}nothing"], 3, "has no database"),
    ):
        assert cli.main(["db", "lint", *words, *BOTH]) == status
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert said in shown.err


def test_the_page_names_each_rule_that_the_shadow_decides() -> None:
    page = (ROOT / "docs" / "database.md").read_text()
    table = page.partition("| rule of the lint |")[2].partition("\n\n")[0]
    assert [rule for rule in DECIDED if f"`{rule}`" not in table] == []

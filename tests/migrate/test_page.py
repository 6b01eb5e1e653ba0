"""The commands of docs/database.md run as they are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrate.conftest import Site

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "database.md").read_text().partition("## Run the files\n")[2].partition("\n## ")[0]


def test_each_command_of_the_page_runs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.directory.parent)
    site.session.execute("CREATE TABLE t (id int PRIMARY KEY, old int)")
    site.session.execute("INSERT INTO t VALUES (1, 7)")
    site.write("0001_new.expand.sql", "ALTER TABLE t ADD COLUMN new int")
    site.write("0001_new.backfill.sql", "UPDATE t SET new = old WHERE id BETWEEN :first AND :last AND new IS NULL")
    site.write("0001_new.check.sql", "SELECT count(*) FROM t WHERE new IS NULL")
    site.write("0001_new.contract.sql", "ALTER TABLE t DROP COLUMN old")
    commands = re.findall(r"^ +(orchestrator db .*)$", PAGE, re.MULTILINE)
    environment = {**os.environ, "DATABASE_URL": site.argument, "PYTHONPATH": str(ROOT)}
    ran = []
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "orchestrator"
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator.cli", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (command, done.stderr)
        ran.append(words[1])
    assert ran == [
        *("status", "plan", "expand", "backfill", "verify", "contract", "unlock", "resolve", "resolve"),
        *("pause", "backfill"),
    ]
    assert site.session.query("SELECT id, new FROM t") == [(1, 7)]


def files(engine: str) -> dict[str, str]:
    """The SQL files of the page by their names."""
    found = re.findall(r"<!-- file: (\S+?)(?:, engine: (\w+))? -->\n```sql\n(.*?)```", PAGE, re.DOTALL)
    return {name: text for name, only, text in found if only in ("", engine)}


def test_the_files_of_the_page_keep_both_columns_equal(site: Site) -> None:
    """The old code and the new code write rows before, during and after the backfill."""
    site.session.execute("CREATE TABLE orders (id int PRIMARY KEY, sum int)")
    site.session.execute("INSERT INTO orders VALUES (1, 1), (2, 2), (3, 3), (4, NULL)")
    named = files(site.url.engine)
    assert sorted(named) == ["0007_total.backfill.sql", "0007_total.check.sql", "0007_total.expand.sql"]
    for name, text in named.items():
        site.write(name, text)
    assert site.run("expand") == 0, site.said

    def work(first: int) -> None:
        for statement in (
            f"INSERT INTO orders (id, sum) VALUES ({first}, 5), ({first + 1}, 6)",
            f"INSERT INTO orders (id, total) VALUES ({first + 2}, 7), ({first + 3}, 8)",
            f"UPDATE orders SET sum = sum + 10 WHERE id IN (1, {first}, {first + 2})",
            f"UPDATE orders SET total = total + 10 WHERE id IN (2, {first + 1}, {first + 3}) AND total IS NOT NULL",
        ):
            site.session.execute(statement)

    work(10)
    assert site.session.query("SELECT id, sum, total FROM orders WHERE id IN (1, 2, 3) ORDER BY id") == [
        (1, 11, 11),
        (2, 2, None),
        (3, 3, None),
    ]
    assert site.run("backfill") == 0, site.said
    work(20)
    rows = site.session.query("SELECT id, sum, total FROM orders ORDER BY id")
    assert [(number, total) for number, _, total in rows] == [(number, sum_) for number, sum_, _ in rows]
    assert [total for *_, total in rows] == [21, 12, 3, None, 15, 16, 17, 18, 15, 16, 17, 18]
    assert site.run("plan") == 0
    assert site.said == "expand: nothing to do\n"


def test_the_page_names_all_commands_and_options() -> None:
    from orchestrator.migrate.command import _parser

    commands = _parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert commands is not None
    options = {
        option
        for name in commands
        if name != "lint"
        for action in commands[name]._actions  # type: ignore[index]
        for option in action.option_strings
    } - {"-h", "--help"}
    assert {one for one in options if one not in PAGE} == set()
    assert {name for name in commands if f"db {name}" not in PAGE} == set()

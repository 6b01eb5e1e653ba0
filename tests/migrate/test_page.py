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
    site.write("0001_new.expand.sql", "ALTER TABLE t ADD COLUMN new int")
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
    assert ran == ["status", "plan", "expand", "contract", "unlock", "resolve", "resolve"]
    assert site.session.query("SELECT id, new FROM t") == []


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

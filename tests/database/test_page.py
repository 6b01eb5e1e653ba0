"""The examples of docs/database.md run as they are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "database.md").read_text()
GOOD = "ALTER TABLE orders ADD COLUMN remark text;\n"
EXAMPLE = GOOD + "ALTER TABLE orders RENAME COLUMN sum TO total;\n"


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with a branch origin/main, and the command ``orchestrator`` in the PATH."""
    tools, work = tmp_path / "bin", tmp_path / "work"
    tools.mkdir()
    (work / "db").mkdir(parents=True)
    program = tools / "orchestrator"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m orchestrator.cli "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.chdir(work)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    (work / "db" / "0001_a.expand.sql").write_text("DROP TABLE forgotten;\n")
    git("init", "-q")
    commit()
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    return work


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, timeout=60)


def commit() -> None:
    git("add", ".")
    git("commit", "-q", "-m", "x")


def job() -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-ec", block("sh")], capture_output=True, text=True, timeout=60)


@pytest.mark.exhaustive
def test_the_script_for_ci_judges_what_a_branch_changes(repository: Path) -> None:
    assert (job().returncode, job().stdout) == (0, "")
    (repository / "db" / "0007_total.expand.sql").write_text(GOOD)
    commit()
    assert (job().returncode, job().stdout) == (0, "1 statement in 1 file: 0 findings\n")
    (repository / "db" / "0007_total.expand.sql").write_text(EXAMPLE)
    commit()
    assert job().returncode == 123
    expected = PAGE.partition("example of the output:\n\n")[2].partition("\n\n")[0]
    assert job().stdout == "".join(f"{line[4:]}\n" for line in expected.splitlines())


def test_the_hook_before_a_commit_runs_a_command_that_exists(repository: Path) -> None:
    hook = dict(re.findall(r"^ +(?:- )?(\w+): (.+)$", block("yaml"), re.MULTILINE))
    name = "db/0007_total.expand.sql"
    assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "app/db.py")
    (repository / name).write_text(EXAMPLE)
    program, *words = shlex.split(hook["entry"])
    assert program == "orchestrator"
    assert cli.main([*words, name]) == 1
    (repository / name).write_text(GOOD)
    assert cli.main([*words, name]) == 0


def test_the_marker_of_the_page_has_an_effect(repository: Path) -> None:
    [marked] = re.findall(r"((?:^    .*\n)+)", PAGE.partition("### If you know")[2].partition("###")[0], re.MULTILINE)
    text = re.sub(r"^    ", "", marked, flags=re.MULTILINE)
    for content, status in ((text, 0), (text.partition("\n")[2], 1)):
        (repository / "x.sql").write_text(content)
        assert cli.main(["db", "lint", "--engine", "postgres", "x.sql"]) == status

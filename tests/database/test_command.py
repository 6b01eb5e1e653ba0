"""The command ``orchestrator db lint``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.database import render
from orchestrator.database.command import main
from orchestrator.database.findings import RULES
from orchestrator.database.lint import lint
from orchestrator.database.model import Engine, Phase

GOOD = "ALTER TABLE orders ADD COLUMN total int;\n"
BAD = "-- the end\nALTER TABLE orders\n  DROP COLUMN total;\n"
MARKED = "-- orchestrator: safe because nobody reads it\nDROP TABLE log;\n"


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"good.sql": GOOD, "bad.sql": BAD, "marked.sql": MARKED, "0001_x.contract.sql": BAD}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["good.sql", "marked.sql", "0001_x.contract.sql"], 0),
        (["good.sql", "bad.sql"], 1),
        (["--phase", "contract", "bad.sql", "0001_x.contract.sql"], 0),
        (["--phase", "contract", "--", "good.sql"], 0),
    ],
)
def test_the_exit_status_says_whether_a_finding_is_left(arguments: list[str], status: int) -> None:
    for engine in ("postgres", "postgresql", "mariadb", "mysql"):
        assert cli.main(["db", "lint", "--engine", engine, *arguments]) == status


@pytest.mark.usefixtures("db")
def test_the_text_names_harm_and_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--engine", "postgres", "bad.sql", "marked.sql"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("bad.sql:2: drop-column-")
    assert lines[0].endswith(": column orders.total")
    assert lines[1:3] == [
        "    ALTER TABLE orders DROP COLUMN total",
        "    harm:     each query of the old code that names the column fails",
    ]
    assert lines[3].startswith("    instead:  Release code that does not use the column.")
    assert lines[-2].endswith(": table log: safe because nobody reads it")
    assert lines[-1] == "2 statements in 2 files: 1 finding, 1 more marked as safe"
    assert max(map(len, lines)) <= render.WIDTH


@pytest.mark.usefixtures("db")
def test_json_has_all_findings_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--json", "--engine", "mariadb", "bad.sql", "marked.sql"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["version"], said["engine"], said["findings"]) == (1, "mariadb", 1)
    bad, marked = said["files"]
    assert (bad["file"], bad["phase"], bad["statements"]) == ("bad.sql", "expand", 1)
    [finding] = bad["findings"]
    assert set(finding) == {"id", "rule", "line", "object", "statement", "harm", "instead"}
    assert finding["statement"] == "ALTER TABLE orders\n  DROP COLUMN total"
    assert marked["findings"][0]["safe_because"] == "nobody reads it"


@pytest.mark.usefixtures("db")
def test_sarif_has_what_code_scanning_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--sarif", "--engine", "postgres", "bad.sql", "marked.sql"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == "2.1.0"
    [run] = said["runs"]
    driver = run["tool"]["driver"]
    first, second = run["results"]
    assert [driver["rules"][one["ruleIndex"]]["id"] for one in run["results"]] == ["drop-column", "drop-table"]
    assert [one["ruleId"] for one in run["results"]] == ["drop-column", "drop-table"]
    where = first["locations"][0]["physicalLocation"]
    assert where == {"artifactLocation": {"uri": "bad.sql"}, "region": {"startLine": 2, "endLine": 3}}
    assert first["message"]["text"]
    assert "suppressions" not in first
    assert second["suppressions"] == [{"kind": "inSource", "justification": "nobody reads it"}]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in driver["rules"])


def test_names_in_sarif_are_uris() -> None:
    said = render.as_sarif([lint("DROP TABLE t", "a b/ü#.sql", Engine.MYSQL, Phase.EXPAND)], Engine.MYSQL)
    assert '"uri": "a%20b/%C3%BC%23.sql"' in said


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["good.sql"], ["name the database server: --engine postgres, --engine mariadb or --engine mysql"]),
        (["--engine", "mysql", "none.sql", ".", "good.sql"], ["none.sql: No such file", ".: Is a directory"]),
        (["--engine", "mysql", "latin.sql"], ["latin.sql: byte 9 is not UTF-8"]),
        (["--engine", "mysql", "a\0b"], ["null"]),
        (["--engine", "oracle", "good.sql"], ["invalid choice: 'oracle'"]),
        (["--engine", "mysql"], ["arguments are required: FILE"]),
        (["--engine", "mysql", "--json", "--sarif", "good.sql"], ["not allowed with"]),
        (
            ["--engine", "mysql", "--phase", "expand", "0001_x.contract.sql"],
            ["is a file of the phase contract by its name"],
        ),
    ],
)
def test_wrong_arguments_end_with_status_2(
    arguments: list[str], said: list[str], db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (db / "latin.sql").write_bytes(b"SELECT '\xfc'")
    assert cli.main(["db", "lint", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(one in shown.err for one in said)


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "orchestrator.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60)


def test_a_minus_reads_standard_input() -> None:
    told = run("db", "lint", "--engine", "postgres", "-", stdin=b"\xef\xbb\xbfSELECT 1;\r\n\r\nDROP TABLE t;\r\n")
    assert told.returncode == 1
    assert told.stdout.startswith(b"-:3: drop-table-")
    assert run("db", "lint", "--engine", "postgres", "-").stdout == b"0 statements in 1 file: 0 findings\n"


def test_help_names_the_command_and_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(
        one in said for one in ("--engine", "--phase", "--json", "--sarif", "safe because REASON", "Exit status")
    )
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "orchestrator db lint FILE" in " ".join(capsys.readouterr().out.split())


@pytest.mark.exhaustive
def test_only_the_lint_imports_sqlglot() -> None:
    modules = "orchestrator.cli, orchestrator.deploy, orchestrator.verbs, orchestrator.inventory, orchestrator.watch"
    code = f"import sys, {modules}, orchestrator.verbs.release, orchestrator.database.command; "
    code += "print([m for m in sys.modules if m.startswith('sqlglot')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"


def test_every_rule_says_harm_and_way_out() -> None:
    for rule in RULES.values():
        for engine in Engine:
            assert rule.harm
            assert rule.advice(engine)
            assert not f"{rule.harm}{rule.advice(engine)}".endswith(".")

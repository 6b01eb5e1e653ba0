"""What runs next, from the files and the rows of the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.database.files import Change, changes, checksum
from orchestrator.database.ledger import Row, State, pending, refuse_earlier, steps_of, summary, work
from orchestrator.database.model import Engine, Phase
from orchestrator.errors import Refused

A, B, C = "CREATE TABLE a (x int)", "CREATE TABLE b (x int)", "ALTER TABLE a DROP COLUMN x"


def made(**files: str) -> list[Change]:
    """Changes, from texts by names such as ``c1_expand``."""
    names = {f"{name.split('_')[0][1:]}_c.{name.split('_')[1]}.sql": text.encode() for name, text in files.items()}
    return changes(names)


def row(statement: str, step: int = 1, steps: int = 1, phase: Phase = Phase.EXPAND, change: str = "1_c") -> Row:
    return Row(change, phase, step, steps, checksum(statement), statement, State.DONE, "v1", "r1", "host", "then")


def todo(found: list[Change], rows: list[Row], phase: Phase = Phase.EXPAND) -> list[tuple[str, list[str]]]:
    works = work(found, rows, phase, Engine.MARIADB)
    return [(one.file.name, [step.statement for step in one.steps]) for one in works]


def test_steps_that_are_done_do_not_run_again() -> None:
    found = made(c1_expand=f"{A};\n{B};", c2_expand=C)
    assert todo(found, []) == [("1_c.expand.sql", [A, B]), ("2_c.expand.sql", [C])]
    assert todo(found, [row(A, 1, 2)]) == [("1_c.expand.sql", [B]), ("2_c.expand.sql", [C])]
    assert todo(found, [row(A, 1, 2), row(B, 2, 2), row(C, change="2_c")]) == []


def test_a_step_that_failed_runs_again_and_may_be_edited() -> None:
    failed = replace(row(B, 2, 2), state=State.FAILED)
    assert todo(made(c1_expand=f"{A};{C}"), [row(A, 1, 2), failed]) == [("1_c.expand.sql", [C])]


@pytest.mark.parametrize("text", [f"{B};{B}", f"{A};{B};{C}", A, f"{A} ;", f"-- only a comment\n{A};/* */", f"{B};{A}"])
def test_a_file_that_was_edited_after_it_ran_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"1_c\.expand\.sql was edited after"):
        todo(made(c1_expand=text), [row(A, 1, 2), row(B, 2, 2)])


def test_comments_of_a_file_may_be_edited() -> None:
    assert todo(made(c1_expand=f"-- more words\n{A};\n\n{B}\n;"), [row(A, 1, 2), row(B, 2, 2)]) == []


def test_a_step_without_a_result_is_refused() -> None:
    with pytest.raises(Refused, match=r"step 1 of 1_c\.expand\.sql was started by run r1 .*resolve --done") as error:
        todo(made(c1_expand=A, c2_expand=B), [replace(row(A), state=State.STARTED)])
    assert A in str(error.value)


def test_a_contract_waits_for_its_expand() -> None:
    found = made(c1_expand=A, c1_contract=C, c2_contract=B)
    with pytest.raises(Refused, match=r"1_c\.contract\.sql cannot run, because 1_c\.expand\.sql is not done"):
        todo(found, [], Phase.CONTRACT)
    assert todo(found, [row(A)], Phase.CONTRACT) == [("1_c.contract.sql", [C]), ("2_c.contract.sql", [B])]


def earlier(rows: list[Row], expand: str, release: str = "v2", defer: bool = False) -> None:
    found = made(c1_expand=A, c1_contract=C, c2_expand=expand)
    works = work(found, rows, Phase.EXPAND, Engine.MARIADB)
    refuse_earlier(pending(found, rows, Engine.MARIADB, release), works, defer, Engine.MARIADB, "contract first")


def test_a_pending_contract_of_an_earlier_release_comes_first() -> None:
    for release in ("", "v2"):
        with pytest.raises(Refused, match=r"1_c\.contract\.sql is pending, and belongs to an earlier release"):
            earlier([row(A)], B, release)
    earlier([row(A)], B, "v1")
    earlier([row(A), row(C, phase=Phase.CONTRACT)], B)
    earlier([row(A), row(B, change="2_c")], B)
    earlier([], B)


def test_a_contract_of_other_tables_can_be_deferred() -> None:
    earlier([row(A)], B, defer=True)
    with pytest.raises(Refused, match=r"changes the same tables \(a\)"):
        earlier([row(A)], "ALTER TABLE A ADD COLUMN y int", defer=True)


@pytest.mark.parametrize(
    ("contract", "expand", "met"),
    [
        ("DROP TRIGGER t", "ALTER TABLE a ADD COLUMN y int", "a"),
        ("DROP TRIGGER t; ALTER TABLE c DROP COLUMN x", "ALTER TABLE a ADD COLUMN y int", "a"),
        ("DROP TRIGGER t", "ALTER TABLE b ADD COLUMN y int", ""),
        ("DROP FUNCTION s.f() CASCADE", "CREATE TRIGGER u BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f()", "f"),
        ("DROP VIEW IF EXISTS v", "CREATE TABLE b AS SELECT x FROM v", "v"),
    ],
)
def test_a_deferred_contract_knows_what_its_expand_made(contract: str, expand: str, met: str) -> None:
    found = made(c1_expand=A, c1_contract=contract, c2_expand=expand)
    works = work(found, [row(A)], Phase.EXPAND, Engine.MARIADB)
    if not met:
        refuse_earlier(pending(found, [row(A)], Engine.MARIADB), works, True, Engine.MARIADB, "do this")
        return
    with pytest.raises(Refused, match=rf"changes the same tables \({met}\) as the new files: do this"):
        refuse_earlier(pending(found, [row(A)], Engine.MARIADB), works, True, Engine.MARIADB, "do this")


def test_a_deferred_contract_of_unknown_tables_is_refused() -> None:
    found = made(c1_contract="DROP TRIGGER t", c2_expand=B)
    [change] = pending(found, [], Engine.MARIADB, live=True)
    with pytest.raises(Refused, match=r"same tables \(unknown\)"):
        refuse_earlier([change], work(found, [], Phase.EXPAND, Engine.MARIADB), True, Engine.MARIADB, "do this")


def test_a_contract_without_an_expand_is_pending_if_it_is_live() -> None:
    found = made(c1_contract=C, c2_expand=B, c3_expand=A, c3_contract=C)
    assert pending(found, [], Engine.MARIADB) == []
    assert [one.name for one in pending(found, [], Engine.MARIADB, live=True)] == ["1_c"]
    assert pending(found, [row(C, phase=Phase.CONTRACT)], Engine.MARIADB, live=True) == []


def groups(text: str, engine: Engine = Engine.POSTGRES) -> list[tuple[str, int | None]]:
    file = made(c1_expand=text)[0].files[Phase.EXPAND]
    return [(one.statement, one.group) for one in steps_of(file, engine)]


def test_postgres_runs_the_steps_of_a_file_in_one_transaction() -> None:
    index = "CREATE INDEX CONCURRENTLY i ON a (x)"
    assert groups(f"{A};{B};{index};{C}") == [(A, 0), (B, 0), (index, None), (C, 1)]
    assert groups(f"BEGIN;{A};COMMIT;\nBEGIN TRANSACTION;{B};END") == [(A, 0), (B, 0)]


def test_mariadb_runs_each_step_alone() -> None:
    assert groups(f"{A};{B}", Engine.MARIADB) == [(A, None), (B, None)]


def test_a_statement_with_its_own_settings_is_a_step() -> None:
    file = made(c1_expand=f"SET STATEMENT max_statement_time=0 FOR {A};{B}")[0].files[Phase.EXPAND]
    assert [(one.statement, one.settings) for one in steps_of(file, Engine.MARIADB)] == [
        (f"SET STATEMENT max_statement_time=0 FOR {A}", ()),
        (B, ()),
    ]
    # a setting of PostgreSQL has a similar name
    file = made(c1_expand=f"SET statement_timeout = 5;{A}")[0].files[Phase.EXPAND]
    assert [one.settings for one in steps_of(file, Engine.POSTGRES)] == [("SET statement_timeout = 5",)]


def test_settings_run_before_each_later_step() -> None:
    file = made(c1_expand=f"SET a = 1;{A};SET b = 2;{B}")[0].files[Phase.EXPAND]
    assert [one.settings for one in steps_of(file, Engine.MARIADB)] == [("SET a = 1",), ("SET a = 1", "SET b = 2")]


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("ROLLBACK", Engine.POSTGRES),
        ("SAVEPOINT a", Engine.POSTGRES),
        ("COMMIT AND CHAIN", Engine.POSTGRES),
        ("BEGIN", Engine.MARIADB),
        ("START TRANSACTION", Engine.MARIADB),
        ("SET autocommit = 0", Engine.MARIADB),
        ("LOCK TABLES a WRITE", Engine.MARIADB),
    ],
)
def test_other_control_of_transactions_is_refused(text: str, engine: Engine) -> None:
    with pytest.raises(Refused, match=r"1_c\.expand\.sql:2: remove "):
        groups(f"{A};\n{text};", engine)


def test_a_summary_says_what_is_done() -> None:
    found = made(c1_expand=f"{A};{B}", c1_contract=C, c1_check="SELECT 0")[0]
    rows = [row(A, 1, 2), replace(row(B, 2, 2), state=State.FAILED, error="no")]
    said = summary(found, rows, Engine.MARIADB)
    assert said == {
        Phase.CHECK: "",
        Phase.CONTRACT: "pending",
        Phase.EXPAND: "1 of 2 steps done, step 2 failed (no)",
    }
    assert summary(found, [row(A, 1, 2), row(B, 2, 2)], Engine.MARIADB)[Phase.EXPAND] == "done"

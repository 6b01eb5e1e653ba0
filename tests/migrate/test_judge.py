"""The findings of a command of the application, whose statements are not known."""

from __future__ import annotations

import pytest

from orchestrator.database.findings import RULES, Problem
from orchestrator.database.model import Engine
from orchestrator.errors import UsageError
from orchestrator.migrate.judge import Accept, Command, FilesRefused, judge_command, verdict_of_command

COMMAND = Command("php artisan migrate --force")
DROP, TRIGGER = Problem("drop-column", "column orders.note"), Problem("trigger", "t of table orders")


@pytest.mark.parametrize("engine", list(Engine))
def test_no_finding_of_a_command_asks_for_a_comment(engine: Engine) -> None:
    judged = judge_command(COMMAND, engine, [Problem(rule, "x") for rule in RULES], Accept())
    for one in judged.findings:
        # only the text of a SQL file has markers
        assert "safe because" not in one.instead or one.rule == "marker", one.instead
        assert "as safe" not in one.instead, one.instead


def test_each_finding_has_its_object_and_no_line() -> None:
    judged = judge_command(COMMAND, Engine.POSTGRES, [DROP, TRIGGER], Accept())
    with pytest.raises(FilesRefused, match=r"database\.migrate\.expand: 2 findings: .* Nothing has changed") as refused:
        verdict_of_command(judged, COMMAND, ["one", "two"])
    said = refused.value.output
    first, second = (one.id for one in judged.findings)
    assert said[:2] == (f"database.migrate.expand: {first}: column orders.note", f"    {COMMAND.text}")
    assert f"database.migrate.expand: {second}: t of table orders" in said
    assert "Then accept the finding with --data accept and --data reason" in " ".join(" ".join(said).split())
    assert said[-3:] == ("the last lines of the command:", "    one", "    two")


def test_an_accepted_finding_is_told_with_its_reason() -> None:
    ids = [one.id for one in judge_command(COMMAND, Engine.MARIADB, [DROP, TRIGGER], Accept()).findings]
    some = judge_command(COMMAND, Engine.MARIADB, [DROP, TRIGGER], Accept((ids[0],), "unused"))
    with pytest.raises(FilesRefused, match="1 finding:") as refused:
        verdict_of_command(some, COMMAND, ())
    assert ids[0] not in "".join(refused.value.output)
    both = judge_command(COMMAND, Engine.MARIADB, [DROP, TRIGGER], Accept(tuple(ids), "unused"))
    assert verdict_of_command(both, COMMAND, ()) == [
        "the command ran on a copy of the schema: 2 findings",
        f"database.migrate.expand: {ids[0]}: column orders.note: safe because unused",
        f"database.migrate.expand: {ids[1]}: t of table orders: safe because unused",
    ]
    with pytest.raises(UsageError, match="the stage lint has no such finding"):
        judge_command(COMMAND, Engine.MARIADB, [DROP], Accept((ids[1],), "unused"))


def test_the_options_name_the_database() -> None:
    command = Command("php artisan migrate --force", "databases.orders.migrate.expand", "orders")
    judged = judge_command(command, Engine.POSTGRES, [DROP], Accept())
    with pytest.raises(FilesRefused, match=r"^databases\.orders\.migrate\.expand: .*--data accept=orders:FINDING"):
        verdict_of_command(judged, command, ())

"""Both judges together: which findings of the lint the shadow may overrule."""

from __future__ import annotations

import re

import pytest

from orchestrator.database.decide import DECIDED, Seen, together
from orchestrator.database.findings import RULES, Problem
from orchestrator.database.lint import lint
from orchestrator.database.model import Engine, Phase
from orchestrator.database.split import Statement

BLIND = {
    *("bulk-write", "row-change", "data-loss", "backfill", "query", "transaction", "lock", "index-lock", "hidden-code"),
    *("trigger", "set-not-null", "required-column", "foreign-key", "check", "partition", "setting", "unfinished"),
    *("drop-column", "rename-column", "drop-table", "rename-table", "drop-index", "drop-constraint", "cascade"),
    *("type-change", "enum-value", "contract-order", "marker", "delimiter", "fails", "not-tried"),
}
"""Rules about rows, locks and code, which a shadow without rows cannot judge, and rules in which both judges agree."""


def rules(problems: list[Problem]) -> list[str]:
    return [one.rule for one in problems]


def decided(
    rule: str, text: str = "ALTER TABLE t X", engine: Engine = Engine.MARIADB, online: bool = True
) -> list[str]:
    return rules(together([Problem(rule, "t")], Seen(online=online), text, engine, Phase.EXPAND))


def test_the_shadow_never_decides_about_rows_and_locks() -> None:
    assert set(RULES) >= BLIND | set(DECIDED)
    assert not BLIND & set(DECIDED)
    for rule in BLIND:
        assert all(decided(rule, engine=engine) == [rule] for engine in Engine)


def test_each_decision_has_a_reason_and_a_text_that_matches() -> None:
    for each in DECIDED.values():
        for one in each:
            assert one.why
            assert one.engines
            re.compile(one.text)


def test_mysql_has_no_decisions() -> None:
    assert all(Engine.MYSQL not in one.engines for each in DECIDED.values() for one in each)
    assert decided("modify", engine=Engine.MYSQL) == ["modify"]


def test_a_statement_that_is_not_online_is_not_decided() -> None:
    assert decided("modify") == []
    assert decided("modify", online=False) == ["modify"]


@pytest.mark.parametrize(
    ("rule", "text", "engine", "left"),
    [
        ("maintenance", "ALTER TABLE t ENGINE=InnoDB", Engine.MARIADB, False),
        ("maintenance", "OPTIMIZE TABLE t", Engine.MARIADB, False),
        ("maintenance", "CHECK TABLE t", Engine.MARIADB, True),
        ("maintenance", "ALTER TABLE t DISCARD TABLESPACE", Engine.MARIADB, True),
        ("maintenance", "VACUUM FULL t", Engine.POSTGRES, True),
        ("not-recognised", "CREATE TABLE t (id int) PARTITION BY HASH (id)", Engine.MARIADB, False),
        ("not-recognised", "CREATE TABLE t AS SELECT * FROM u", Engine.MARIADB, True),
        ("not-recognised", "ALTER TABLE t OWNER TO CURRENT_USER", Engine.POSTGRES, False),
        ("not-recognised", "ALTER TABLE t OWNER TO a, ADD COLUMN b int", Engine.POSTGRES, True),
        ("not-recognised", "ALTER TABLE t FORCE", Engine.MARIADB, False),
        ("not-recognised", "DO 1", Engine.MARIADB, True),
        ("rewrite", "ALTER TABLE t ADD x int DEFAULT (rand())", Engine.MARIADB, False),
        ("rewrite", "ALTER TABLE t ADD x int DEFAULT random()", Engine.POSTGRES, True),
        ("unique", "ALTER TABLE t ADD x int UNIQUE", Engine.MARIADB, False),
        ("unique", "ALTER TABLE t ADD x int UNIQUE", Engine.POSTGRES, True),
    ],
)
def test_a_decision_is_for_certain_statements_only(rule: str, text: str, engine: Engine, left: bool) -> None:
    assert decided(rule, text, engine) == ([rule] if left else [])


def test_a_problem_that_only_one_judge_sees_is_a_finding() -> None:
    seen = Seen((Problem("rewrite", "table t"), Problem("drop-column", "column t.a")))
    left = together([Problem("drop-column", "column T.a")], seen, "X", Engine.POSTGRES, Phase.EXPAND)
    assert left == [Problem("drop-column", "column T.a"), Problem("rewrite", "table t")]


def test_a_statement_that_fails_is_a_finding() -> None:
    seen = Seen(ran=False, why="no such table")
    assert together([], seen, "X", Engine.POSTGRES, Phase.EXPAND) == [Problem("fails", "no such table")]
    assert together([], seen, "X", Engine.POSTGRES, Phase.CONTRACT) == [Problem("fails", "no such table")]
    assert decided("modify") == []
    assert rules(together([Problem("modify", "t")], seen, "X", Engine.MARIADB, Phase.EXPAND)) == ["modify", "fails"]


def test_a_statement_that_was_not_tried_is_a_finding() -> None:
    seen = Seen(ran=False, tried=False, why="elsewhere")
    assert together([], seen, "ALTER TABLE a.b X", Engine.MARIADB, Phase.EXPAND) == [Problem("not-tried", "elsewhere")]
    assert together([], seen, "GRANT SELECT ON a.b TO c", Engine.MARIADB, Phase.EXPAND) == []
    assert rules(together([Problem("view", "v")], seen, "X", Engine.MARIADB, Phase.EXPAND)) == ["view"]


def test_in_a_contract_the_old_schema_does_not_count() -> None:
    seen = Seen((Problem("drop-column", "column t.a"),))
    assert together([], seen, "ALTER TABLE t DROP a", Engine.POSTGRES, Phase.CONTRACT) == []
    left = together([Problem("modify", "t")], seen, "X", Engine.MARIADB, Phase.CONTRACT)
    assert rules(left) == ["modify"]


def test_a_reason_in_the_file_overrides_the_shadow_too() -> None:
    def fails(statements: object, phase: Phase) -> list[Seen]:
        return [Seen((Problem("rewrite", "table t"),)), Seen((Problem("rewrite", "table t"),))]

    text = "ALTER TABLE t ADD a int;\n-- orchestrator: safe because t is small\nALTER TABLE t ADD b int;"
    first, second = lint(text, "x.sql", Engine.POSTGRES, Phase.EXPAND, fails).findings
    assert (first.rule, first.reason, second.reason) == ("rewrite", "", "t is small")


def test_a_check_does_not_run_on_the_shadow() -> None:
    def never(statements: list[Statement], phase: Phase) -> list[Seen]:
        raise AssertionError

    assert not lint("SELECT count(*) FROM t", "x", Engine.POSTGRES, Phase.CHECK, never).findings  # type: ignore[arg-type]

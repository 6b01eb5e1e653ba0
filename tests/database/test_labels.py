"""The lint beside real servers: what a server did to old code (labels.tsv), and what the lint says."""

from __future__ import annotations

import pytest

from orchestrator.database.lint import lint
from orchestrator.database.model import Engine, Phase
from tests.database.cases import PASSES, Case, cases, labels

ENGINES = [Engine.POSTGRES, Engine.MARIADB]

UNDECIDABLE = {
    Engine.POSTGRES: {
        *("create trigger", "create function", "disable trigger"),  # depends on what the code does
        *("replace view", "change owner", "set tablespace"),  # depends on the present view, owner and tablespace
        *("add column of an enum", "add column of an enum with default"),  # the type could be a domain
        *("set default now", "set default uuid", "set default of a partition key"),  # depends on the column
        "set search path",  # depends on the statements of other files
    },
    Engine.MARIADB: {
        *("drop not null", "add enum value", "change order of columns", "modify to the same"),  # MODIFY
        "modify beside a check",
        *("optimize", "rebuild", "force", "row format", "disable keys"),  # depends on the engine of the table
        *("create trigger", "create event", "executable comment of later versions"),  # depends on what the code does
        *("replace view", "drop check", "create or replace index", "set default null", "set default that fails"),
        *("set default text", "set default expression"),  # depends on the type of the column
        *("set foreign key checks", "set sql mode", "use another database"),  # depends on other statements
    },
}
"""Safe cases that the lint refuses, because the same text breaks or blocks old code with another schema."""

DENIED = {
    Engine.POSTGRES: {"select into"},
    Engine.MARIADB: {
        *("create partitioned table", "add column with rand", "add unique column", "create view with definer"),
        "check table",
    },
}
"""Safe cases that the lint refuses, although a better lint could accept them."""


def accepted(case: Case, engine: Engine | None = None) -> bool:
    return not lint(case.sql, case.name, engine or case.engine, Phase.EXPAND).open


@pytest.mark.parametrize("engine", ENGINES)
def test_every_case_has_the_label_of_its_present_text(engine: Engine) -> None:
    found, known = cases(engine), labels(engine)
    assert len(found) >= 140
    assert len({one.name for one in found}) == len(found)
    assert {one.name: one.digest for one in found} == {name: one.digest for name, one in known.items()}
    assert {one.label for one in known.values()} == {"breaks", "blocks", "fails", "safe"}


@pytest.mark.parametrize("engine", ENGINES)
def test_only_known_limits_of_the_lint_let_harm_pass(engine: Engine) -> None:
    known = labels(engine)
    harmful = [one for one in cases(engine) if known[one.name].label in ("breaks", "blocks")]
    assert len(harmful) > 80
    assert {one.name for one in harmful if accepted(one)} == PASSES[engine]


def test_mysql_accepts_no_more_than_mariadb() -> None:
    found = [(accepted(one), accepted(one, Engine.MYSQL)) for one in cases(Engine.MARIADB)]
    assert (False, True) not in found
    assert found.count((True, True)) > 40


@pytest.mark.parametrize("engine", ENGINES)
def test_false_alarms_are_few_and_known(engine: Engine) -> None:
    known = labels(engine)
    safe = [one for one in cases(engine) if known[one.name].label == "safe"]
    alarms = {one.name for one in safe if not accepted(one)}
    share = f"{len(alarms & DENIED[engine]) / len(safe):.0%} decidable, {len(alarms) / len(safe):.0%} in all"
    print(f"{engine}: {len(alarms)} false alarms in {len(safe)} safe cases ({share}): {', '.join(sorted(alarms))}")
    assert alarms == UNDECIDABLE[engine] | DENIED[engine]
    assert len(DENIED[engine]) < len(safe) / 10

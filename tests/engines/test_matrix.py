"""Lint and shadow together: what a real server did to old code (labels.tsv), and what both judges say."""

from __future__ import annotations

import pytest

from orchestrator.database.model import Engine
from tests.database.cases import Case, cases, labels
from tests.engines.servers import Server
from tests.engines.shadows import judged, live_database

SAMPLE = {
    Engine.POSTGRES: [
        *("replace view", "replace view with other rows", "add column of an enum", "add column of a domain with check"),
        *("set default of a column with a check that fails", "create table below a cascade"),
    ],
    Engine.MARIADB: [
        *("modify to the same", "int to bigint", "replace view with other columns", "add unique column with default"),
        *("set default of a column from which another is computed", "change engine", "create partitioned table"),
    ],
}
ALARMS = {
    Engine.POSTGRES: {
        *("create trigger", "create function", "disable trigger"),  # depends on what the code does
        *("set tablespace", "select into"),
        "set search path",  # depends on the statements of other files
        "set default of a partition key",  # depends on the partitions
    },
    Engine.MARIADB: {
        *("create trigger", "create event", "executable comment of later versions"),  # depends on what the code does
        *("drop check", "create or replace index"),  # the old code may rely on the former check or index
        *("set foreign key checks", "set sql mode", "use another database"),  # depends on other statements
        "check table",
    },
}
"""Safe cases that both judges together refuse."""


def both(server: Server, live: str, case: Case) -> list[str]:
    """The rules of the findings of both judges."""
    own = live_database(server, *case.setup.split("; ")) if case.setup else live
    return [one.rule for one in judged(server, own, case).open]


@pytest.fixture(scope="module")
def lives() -> dict[Engine, str]:
    return {}


def live_of(server: Server, lives: dict[Engine, str]) -> str:
    if server.engine not in lives:
        lives[server.engine] = live_database(server)
    return lives[server.engine]


@pytest.mark.parametrize(
    ("engine", "name"), [(engine, name) for engine, names in SAMPLE.items() for name in names], ids=str
)
def test_both_judges_agree_with_the_server(
    engine: Engine, name: str, lives: dict[Engine, str], request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(engine.value)
    label = labels(engine)[name].label
    [case] = [one for one in cases(engine) if one.name == name]
    assert bool(both(server, live_of(server, lives), case)) == (label != "safe")


@pytest.mark.slow
def test_no_harm_passes_both_judges(server: Server, lives: dict[Engine, str]) -> None:
    live, known = live_of(server, lives), labels(server.engine)
    found = {one.name: both(server, live, one) for one in cases(server.engine)}
    harmful = {name for name, one in known.items() if one.label in ("breaks", "blocks")}
    safe = {name for name, one in known.items() if one.label == "safe"}
    alarms = {name for name in safe if found[name]}
    share = f"{len(alarms)} false alarms in {len(safe)} safe cases ({len(alarms) / len(safe):.1%})"
    print(f"{server.engine}: {share}, {len(harmful)} harmful cases")
    assert [name for name in sorted(harmful) if not found[name]] == []
    assert len(harmful) > 100
    assert alarms == ALARMS[server.engine]
    assert len(alarms) < len(safe) / 10

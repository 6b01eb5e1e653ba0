"""The journal knows which run has last changed the schema."""

from __future__ import annotations

from typing import Any

from orchestrator.database.known import Known
from orchestrator.plan.known import last_change


def run(
    name: str, *done: str, failed: str = "", marks: bool = True, marked: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The records of a run."""
    database = {"runner": "node1", "run": name, "retry": False} | ({"marks": True} if marks else {})
    database |= {"marked": list(marked)} if marked else {}
    results = [{"record": "results", "stage": stage, "results": [], "failed": stage == failed} for stage in done]
    return [
        {"record": "begin", "verb": "release", "owner": "ann@laptop", "at": f"at {name}"},
        {"record": "inputs", "inputs": {"release": f"release {name}", "database": database}},
        *results,
    ]


def test_the_last_run_that_changed_the_schema_counts() -> None:
    runs = [run("1", "fetch", "expand"), run("2", "fetch", "expand"), run("3", "fetch")]
    assert last_change(runs) == Known("expand-2", "expand", "release 2", "at 2")
    assert last_change([*runs, run("4", "barrier", "contract")]) == Known("contract-4", "contract", "release 4", "at 4")


def test_runs_that_failed_or_marked_nothing_do_not_count() -> None:
    runs = [run("1", "expand"), run("2", "expand", failed="expand"), run("3", "expand", marks=False)]
    assert last_change(runs) == Known("expand-1", "expand", "release 1", "at 1")
    assert last_change(runs[1:]) is None
    assert last_change([[{"record": "inputs", "inputs": {"database": 1}}], []]) is None


def test_each_database_has_its_own_last_change() -> None:
    runs = [
        run("1", "expand", "expand stats", marked=("stats",)),
        run("2", "expand", "expand stats", failed="expand stats", marked=("stats",)),
        run("3", "expand stats"),
    ]
    assert last_change(runs) == Known("expand-2", "expand", "release 2", "at 2")
    # the third run did not mark the database
    assert last_change(runs, "stats") == Known("expand-stats-1", "expand", "release 1", "at 1")
    assert last_change(runs, "logs") is None

"""What a run shows on the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.plan.inputs import Release, Rollback
from orchestrator.plan.steps import Place
from orchestrator.report.terminal import Terminal, ending, heading, say
from orchestrator.run.walk import WARNING, Ended, Event, Result
from tests.stages import plans

NODE1, NODE2 = Place("node", "node1"), Place("node", "node2")


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (Event("commit"), ["    committed"]),
        (Event("undoing", text="gate failed"), ["    undoing: gate failed"]),
        (Event("warning", text="not recorded"), ["    warning: not recorded"]),
        (Event("paused", text="25"), ["    paused: 25"]),
        (Event("intent", "fetch", ("node1",)), []),
        (Event("results", "fetch"), []),
        (
            Event("results", "gate", results=(Result(NODE1, detail="2 answers"),), seconds=1.5),
            ["    gate            1.50 s   node1 (2 answers)"],
        ),
        (
            Event("results", "gate", results=(Result(NODE1, seconds=1), Result(NODE2, seconds=2)), seconds=2),
            ["    gate            2.00 s   2 places, slowest node2"],
        ),
        (
            Event("results", "warm", results=(Result(NODE1, detail=f"3 files\n{WARNING}1 is broken"),)),
            ["    warm            0.00 s   node1 (3 files)", "    warning: node1: 1 is broken"],
        ),
        (
            Event(
                "results",
                "warm",
                results=tuple(Result(node, detail=f"{node}\n{WARNING}x is broken") for node in (NODE1, NODE2)),
            ),
            ["    warm            0.00 s   2 places, slowest node1 (node1)", "    warning: node1, node2: x is broken"],
        ),
        (
            Event(
                "results",
                "build",
                results=(
                    Result(NODE1, "status 1", output=("a",)),
                    Result(NODE2, "status 1", output=("a",)),
                    Result(Place("node", "node3"), "status 1", output=("b",)),
                ),
            ),
            [
                "    build           0.00 s   node1, node2: status 1",
                "        node1, node2 | a",
                "    build           0.00 s   node3: status 1",
                "        node3 | b",
            ],
        ),
        (
            Event("results", "build", results=(Result(NODE1, "status 1", output=("a", "b")), Result(NODE2))),
            ["    build           0.00 s   node1: status 1", "        node1 | a", "        node1 | b"],
        ),
    ],
)
def test_an_event(capsys: pytest.CaptureFixture[str], event: Event, lines: list[str]) -> None:
    Terminal().event(event)
    assert capsys.readouterr().err.splitlines() == lines


LOST, MIXED = Result(NODE1, "no answer", lost=True), Result(NODE2, "status 1")
WHY = OrchestratorError("gate failed")


@pytest.mark.parametrize(
    ("ended", "wanted"),
    [
        (Ended(committed=True), ["done: {new} ({color}) has all the traffic"]),
        (
            Ended(committed=True, warnings=[MIXED]),
            [
                "done: {new} ({color})",
                "warning: node2: status 1; the next release or rollback does the work of this stage",
            ],
        ),
        (
            Ended(committed=True, warnings=[MIXED, replace(MIXED, place=NODE1)]),
            [
                "done: {new} ({color})",
                "warning: node2, node1: status 1; the next release or rollback does the work of this stage",
            ],
        ),
        (Ended(committed=False, paused="preview"), ["paused: {new} ({color}) has no traffic; deploys/promote.py"]),
        (Ended(committed=False, paused="25"), ["paused: {new} ({color}) has 25% of the traffic; deploys/promote.py"]),
        (
            Ended(committed=False, reason=WHY),
            ["release failed and was undone, {old} ({other}) keeps the traffic: gate"],
        ),
        (
            Ended(committed=False, reason=WHY, left=[LOST, MIXED]),
            [
                "release failed: gate failed",
                "not undone on node1, which",
                "NOT UNDONE on node2: status 1; run deploys/status.py",
            ],
        ),
    ],
)
def test_the_last_lines(ended: Ended, wanted: list[str]) -> None:
    i = plans.inputs("release", full=False)
    names = {"new": i.release, "old": i.live, "color": i.color, "other": i.color.other}
    found = [line for line, _ in ending(i, ended)]
    assert len(found) == len(wanted)
    for line, start in zip(found, wanted, strict=True):
        assert line.startswith(start.format(**names))


@pytest.mark.parametrize(
    ("verb", "change", "line"),
    [
        ("release", {}, "release {new} ({ref}, "),
        ("release", {"asked": Release("main", code_only=True)}, "code-only release {new} ({ref}, "),
        ("rollback", {"live": "9"}, "rollback goes back: from 9 to {new} ({color})"),
        ("rollback", {"live": "0"}, "rollback goes forward again: from 0 to {new} ({color})"),
        ("rollback", {"live": "9", "asked": Rollback(cold=True)}, "rollback goes back, started first: from 9 to {new}"),
    ],
)
def test_the_first_line(verb: str, change: dict[str, Any], line: str) -> None:
    i = replace(plans.inputs(verb, full=False), release="5", **change)
    assert heading(i).startswith(line.format(new=i.release, color=i.color, ref=i.ref))


def test_escapes_in_a_line_are_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    say("a hook printed \x1b[2Ja\rb\nand a second line")
    assert capsys.readouterr().err == "a hook printed \\x1b[2Ja\\x0db\nand a second line\n"

"""The text of notifications."""

from __future__ import annotations

import pytest

from orchestrator.config.notification import Moment
from orchestrator.facts.commits import Changes
from orchestrator.plan.steps import Place
from orchestrator.probe.report import Report, Totals
from orchestrator.report.notification import About, Story, moment_of, text
from orchestrator.run.walk import Ended, Result
from tests.stages import plans

ABOUT = About("shop", "inventory/prod.py", "ann@laptop")
HEAD = """release 20260601T000000Z-ccccccc (main, revision cccccccccccc) in green; before: 20260101T000000Z-aaaaaaa
by ann@laptop with inventory/prod.py, 2 nodes"""
PROBE = Report(Totals(requests=1204, failed=3, failures={"reset": 2, "status 502": 1}))

CASES: list[tuple[Moment, Story, str, str]] = [
    ("started", Story(), "shop: release of main has started", HEAD),
    (
        "waiting",
        Story(paused="25", seconds=72.4),
        "shop: release of main waits for promotion",
        f"{HEAD}, 1 min 12 s\n"
        "the new release has 25% of the traffic: orchestrator promote inventory/prod.py continues the release, "
        "orchestrator abort inventory/prod.py undoes it",
    ),
    (
        "succeeded",
        Story(changes=Changes(2, 0, ("ccccccc Two", "bbbbbbb One")), probe=PROBE, warnings=("node1: x",), seconds=9),
        "shop: release of main succeeded",
        f"{HEAD}, 9 s\n2 new commits since the live release:\n  ccccccc Two\n  bbbbbbb One\n"
        "probe: 1204 requests, 3 failed (2 reset, 1 status 502)\nwarning: node1: x\n"
        "to go back: orchestrator rollback inventory/prod.py",
    ),
    (
        "failed",
        Story(changes=Changes(1, 7, ("ccccccc One",)), reason="gate failed on node1: status 500"),
        "shop: release of main failed and was undone",
        f"{HEAD}\n1 new commit since the live release, 7 commits of the live release taken back:\n  ccccccc One\n"
        "reason: gate failed on node1: status 500\n"
        "20260101T000000Z-aaaaaaa (blue) has all the traffic; to try again: orchestrator release inventory/prod.py",
    ),
    (
        "undone",
        Story(changes=Changes(0, 0, ())),
        "shop: release of main was undone",
        f"{HEAD}\n0 new commits since the live release\n"
        "20260101T000000Z-aaaaaaa (blue) has all the traffic; to try again: orchestrator release inventory/prod.py",
    ),
    (
        "unsettled",
        Story(reason="x" * 400),
        "shop: release of main is UNSETTLED",
        f"{HEAD}\nreason: {'x' * 289}...\n"
        "see orchestrator status inventory/prod.py; orchestrator abort inventory/prod.py undoes the rest, or completes "
        "a committed run",
    ),
]


@pytest.mark.parametrize(("moment", "story", "title", "body"), CASES, ids=[case[0] for case in CASES])
def test_a_message_says_what_happened_and_how_to_go_on(moment: Moment, story: Story, title: str, body: str) -> None:
    i = plans.inputs("release", full=False)
    assert text(moment, ABOUT, i, story)[:2] == (title, body)


def test_a_rollback_has_no_ref_and_takes_commits_back() -> None:
    title, body, mood = text(
        "succeeded", ABOUT, plans.inputs("rollback"), Story(changes=Changes(0, 7, ("aaaaaaa Bad", "bbbbbbb Worse")))
    )
    assert title == "shop: rollback of 20250101T000000Z-bbbbbbb succeeded"
    assert body.splitlines()[2:6] == [
        "7 commits of the live release taken back:",
        "  aaaaaaa Bad",
        "  bbbbbbb Worse",
        "  and 5 more",
    ]
    assert mood == "success"


@pytest.mark.parametrize(
    ("ended", "moment"),
    [
        (Ended(committed=False, paused="25"), "waiting"),
        (Ended(committed=True), "succeeded"),
        (Ended(committed=False, reason=ValueError("x")), "failed"),
        (Ended(committed=False, left=[Result(Place("node", "node1"), "x", lost=True)]), "unsettled"),
    ],
)
def test_each_end_has_one_moment(ended: Ended, moment: Moment) -> None:
    assert moment_of(ended) == moment

"""Journals that version 0.1.0 wrote: the current code reads them and shows them with the right words."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from orchestrator import __version__
from orchestrator.config import load
from orchestrator.errors import Refused
from orchestrator.journal.history import history_of, unfinished
from orchestrator.plan.fleet_state import FleetState
from orchestrator.run.settle import open_run
from orchestrator.verbs.status import lines
from tests.journal.former import CASES, former

NOTHING = FleetState({}, {}, {}, {})

SETTINGS = load(
    {
        "app": "shop",
        "source": {"origin": "/nowhere", "ref": "main"},
        "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://haproxy.test/"]}],
        "marker": {"answers": "all", "token": "secret-token"},
    }
)

NEXT = "the next release or rollback"
WAITS = "deploys/promote.py continues the release, deploys/abort.py undoes the release"

SHOWN = {
    "finished": ("", "release done"),
    "canary-finished": ("", "release done"),
    "undone": ("", "release undone"),
    "rollback": ("", "rollback done"),
    "join": ("", "join done"),
    "resumed": ("", "resume done"),
    "settled": ("", "release not ended"),
    "killed-preparing": (f"STOPPED {{}} stopped in share; {NEXT} undoes it first", "release not ended"),
    "killed-before-commit": (f"STOPPED {{}} stopped in cutover; {NEXT} undoes it first", "release not ended"),
    "killed-undoing": (f"STOPPED {{}} stopped in cutover; {NEXT} undoes it first", "release not ended"),
    "killed-rollback": (f"STOPPED {{}} stopped in cutover; {NEXT} undoes it first", "rollback not ended"),
    "committed": (f"STOPPED {{}} stopped after its commit; {NEXT} completes it first", "release not ended"),
    "left": (f"STOPPED {{}} stopped in warm; {NEXT} undoes it first", "release left"),
    "paused-preview": (f"PAUSED {{}} waits before any traffic: {WAITS}", "release paused"),
    "paused-25": (f"PAUSED {{}} waits at 25% of the traffic: {WAITS}", "release paused"),
}
"""The line about a run that has to be settled ({} names it), empty if there is none; how the newest run ended."""


def test_every_case_is_there() -> None:
    assert [f"0.1.0/{case}" for case in sorted(SHOWN)] == CASES


@pytest.mark.parametrize("case", SHOWN)
def test_status_shows_it(case: str) -> None:
    shown, ended = SHOWN[case]
    contents = former(f"0.1.0/{case}").contents
    newest = next(history_of(run) for run in reversed(contents.runs) if history_of(run).inputs)
    name = f"{newest.verb} by ann@laptop of {newest.at}"
    said = [" ".join(line.split()) for line in lines(NOTHING, contents, SETTINGS)]
    assert said[:2] == ["shop", "lock free"]
    assert [line for line in said if line.startswith(("STOPPED", "PAUSED"))] == ([shown.format(name)] if shown else [])
    verb, _, how = ended.partition(" ")
    inputs = newest.inputs or {}
    ref = rf" \({inputs['ref']}\)" if verb in ("release", "resume") else ""
    assert re.match(rf"{newest.at[:19]} {verb} {inputs['release']}{ref} {how} after \d+ s by ann@laptop", said[-1])


@pytest.mark.parametrize("case", SHOWN)
def test_the_plan_has_every_stage_that_the_run_began(case: str) -> None:
    contents = former(f"0.1.0/{case}").contents
    found = open_run(contents.runs, SETTINGS)
    assert (found is not None) == bool(SHOWN[case][0])
    assert (unfinished(contents.runs) is not None) == (found is not None)
    if found is not None:
        run, _, whole = found
        assert run.begun
        assert set(run.begun) <= {stage.name for stage in whole.stages}


@pytest.mark.parametrize(
    ("where", "problem"), [("settings", "settings: unknown key wings"), ("nodes", "TypeError NodeInput")]
)
def test_a_run_that_this_version_cannot_read_is_refused(where: str, problem: str) -> None:
    records = [dict(record) for record in former("0.1.0/killed-preparing").contents.runs[-1]]
    for record in records:
        if record["record"] == "begin":
            record["version"] = "0.9.0"
        if record["record"] == "inputs":
            inputs: dict[str, Any] = copy.deepcopy(record["inputs"])
            (inputs["settings"] if where == "settings" else inputs["nodes"][0])["wings"] = 2
            record["inputs"] = inputs
    with pytest.raises(Refused) as refused:
        open_run([records], SETTINGS)
    said = str(refused.value)
    newer = f"orchestrator 0.9.0, a newer version than this ({__version__})"
    assert f"but orchestrator {__version__} cannot read what {newer} recorded of that run ({problem}" in said
    assert said.endswith(
        "run deploys/abort.py with that version, or deploys/rollback.py, which continues without settling that run"
    )

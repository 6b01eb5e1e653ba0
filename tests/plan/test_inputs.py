"""Inputs in the journal: all keys on one level, as version 0.1.0 wrote them and still reads them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs, Join, Release, Rollback, ScalingInput
from tests.stages import plans

JOURNALS = Path(__file__).parents[1] / "journal/data"

KEYS = {
    *("verb", "settings", "color", "before", "live", "release", "ref", "revision", "nodes", "switches", "mend"),
    *("members", "missing", "former_release", "former_revision", "stale", "scaling", "instances", "cold", "code_only"),
}


def flat(i: Inputs) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(i.to_json()))
    return data


def recorded() -> list[Any]:
    """The Inputs of every run in the journals of former versions."""
    lines = [
        (file.relative_to(JOURNALS).as_posix(), json.loads(line))
        for file in sorted(JOURNALS.rglob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    return [pytest.param(record["inputs"], id=name) for name, record in lines if record.get("record") == "inputs"]


@pytest.mark.parametrize("data", recorded())
def test_inputs_of_a_former_version_are_read_and_written_alike(data: dict[str, Any]) -> None:
    now = plans.inputs("release").settings
    assert flat(Inputs.from_json(data, now)) == data | {"settings": flat(Inputs.from_json(data, now))["settings"]}


def test_there_are_journals_of_a_former_version() -> None:
    assert {param.values[0]["verb"] for param in recorded()} >= {"release", "rollback"}


@pytest.mark.parametrize("settings", sorted(plans.SETTINGS))
@pytest.mark.parametrize("verb", ["release", "rollback", "join"])
@pytest.mark.parametrize("full", [False, True])
def test_inputs_survive_the_journal(verb: str, settings: str, full: bool) -> None:
    i = plans.inputs(verb, settings, full)
    # a run without a database and without workers has no keys about them, so that former versions read this run
    found = {
        "database": i.database,
        "barrier": i.barrier,
        "workers": i.workers,
        "schedule": i.schedule,
        "closes": i.closes,
    }
    more = {key for key, value in found.items() if value}
    assert flat(i).keys() == KEYS | more
    assert Inputs.from_json(flat(i), i.settings) == i


@pytest.mark.parametrize(
    ("verb", "asked", "said"),
    [
        ("release", Release("v1"), {"ref": "v1", "code_only": False}),
        ("release", Release("v1", code_only=True), {"ref": "v1", "code_only": True}),
        ("rollback", Rollback(), {"cold": False}),
        ("rollback", Rollback(cold=True), {"cold": True}),
        ("join", Join(None, None), {}),
        ("join", Join(None, None, (), (Color.green,)), {"running": ["green"]}),
        ("join", Join("r1", "c1", ("r0",)), {"former_release": "r1", "former_revision": "c1", "stale": ["r0"]}),
    ],
)
def test_each_verb_has_its_own_part(verb: str, asked: Release | Rollback | Join, said: dict[str, Any]) -> None:
    others = {
        "ref": "",
        "code_only": False,
        "cold": False,
        "former_release": None,
        "former_revision": None,
        "stale": [],
    }
    data = flat(replace(plans.inputs(verb), asked=asked))
    assert {key: data[key] for key in {*others, *said}} == others | said
    assert data["verb"] == verb
    assert Inputs.from_json(data, plans.inputs(verb).settings).asked == asked


def test_keys_that_an_older_version_did_not_write_are_false() -> None:
    for verb, asked in (("release", Release("main")), ("rollback", Rollback())):
        data = flat(plans.inputs(verb, "everything"))
        for key in ("scaling", "instances", "cold", "code_only"):
            del data[key]
        older = Inputs.from_json(data, plans.inputs(verb, "everything").settings)
        assert (older.asked, older.scaling) == (asked, ScalingInput())


def test_an_unknown_verb_is_refused() -> None:
    i = plans.inputs("release")
    with pytest.raises(ValueError, match="unknown verb 'migrate'"):
        Inputs.from_json(flat(i) | {"verb": "migrate"}, i.settings)

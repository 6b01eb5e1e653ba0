"""Damaged journals: whatever is in them, status shows lines, and a rollback goes on or ends with one line. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator import __version__
from orchestrator.errors import OrchestratorError, Refused, Unreadable
from orchestrator.fleet import Fleet
from orchestrator.journal.host import parse_contents
from orchestrator.journal.store import Contents
from orchestrator.plan.fleet_state import FleetState
from orchestrator.run.settle import open_run
from orchestrator.verbs import session, settle, show, show_lock, unlock
from orchestrator.verbs.status import Journal, lines
from tests.journal.former import CASES, former
from tests.journal.test_former_versions import SETTINGS

CASES_OF_FUZZ = 500
OWNER = {"who": "bob@laptop", "pid": 7, "verb": "release", "since": "2026-01-02T03:04:05Z", "token": ""}
WRONG: list[Any] = [None, 5, -1, 10**40, "x", "", [], [5], {}, {"x": [1]}, True, 1e300]
JUNK = ["1", '{"x":1}', "[]", "null", '"x"', "{", "[" * 20000, "\\x00\\xff?", "run 0000000099.jsonl", "free", " " * 99]


@dataclass
class Files:
    """The files of a store: the lines of each journal, by its number, and the line that names the lock's holder."""

    runs: dict[int, list[str]]
    lock: str | None

    def contents(self) -> Contents:
        """What a store reads, from the lines that ``store.sh read`` prints."""
        printed = ["free"] if self.lock is None else ["held - 1-2/3", f" {self.lock}"]
        for number, text in self.runs.items():
            printed += [f"run {number:010d}.jsonl", *(f" {line}" for line in text), ""]
        return parse_contents(printed)


def whole(case: str) -> Files:
    """The files of a recorded case, with a free lock."""
    return Files({number: text.splitlines() for number, text in enumerate(former(case).files.values(), 1)}, None)


def some_line(chance: random.Random, files: Files) -> tuple[list[str], int]:
    text = files.runs[chance.choice([number for number, text in files.runs.items() if text] or list(files.runs))]
    text += [] if text else [""]
    return text, chance.randrange(len(text))


def junk(chance: random.Random, files: Files) -> None:
    text, at = some_line(chance, files)
    text[at] = chance.choice(JUNK)


def cut(chance: random.Random, files: Files) -> None:
    text, at = some_line(chance, files)
    text[at] = text[at][: chance.randrange(len(text[at]) + 1)]


def flip(chance: random.Random, files: Files) -> None:
    text, at = some_line(chance, files)
    letters = list(text[at]) or ["x"]
    for _ in range(3):
        letters[chance.randrange(len(letters))] = chr(chance.randrange(32, 127))
    text[at] = "".join(letters)


def move(chance: random.Random, files: Files) -> None:
    text, at = some_line(chance, files)
    line = text.pop(at)
    for _ in range(chance.randrange(3)):
        text.insert(chance.randrange(len(text) + 1), line)


def empty(chance: random.Random, files: Files) -> None:
    files.runs[chance.choice(list(files.runs))].clear()


def lose(chance: random.Random, files: Files) -> None:
    if len(files.runs) > 1:
        del files.runs[chance.choice(list(files.runs))]


def change(chance: random.Random, value: Any, depth: int) -> Any:
    """Remove or replace a value somewhere in an object."""
    if depth and isinstance(value, dict) and value:
        key = chance.choice(sorted(value))
        if chance.random() < 0.3:
            return {name: one for name, one in value.items() if name != key}
        return value | {key: change(chance, value[key], depth - 1)}
    if depth and isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], change(chance, value[at], depth - 1), *value[at + 1 :]]
    return chance.choice(WRONG)


def wrong(chance: random.Random, files: Files) -> None:
    text, at = some_line(chance, files)
    try:
        text[at] = json.dumps(change(chance, json.loads(text[at]), chance.randrange(1, 5)))
    except ValueError:
        junk(chance, files)


def wrong_inputs(chance: random.Random, files: Files) -> None:
    newest = files.runs[max(files.runs)]
    for at, line in enumerate(newest):
        if '"record":"inputs"' in line:
            record = json.loads(line)
            record["inputs"] = change(chance, record["inputs"], chance.randrange(1, 4))
            newest[at] = json.dumps(record)


def newer(chance: random.Random, files: Files) -> None:
    for text in files.runs.values():
        for at, line in enumerate(text):
            if '"record":"inputs"' in line:
                text[at] = line.replace('"settings":{', '"settings":{"telemetry":true,')
            if '"record":"begin"' in line:
                text[at] = line.replace('"record":"begin"', '"record":"begin","version":"9.9.9"')


def lock(chance: random.Random, files: Files) -> None:
    files.lock = chance.choice(
        ["", *JUNK, json.dumps(OWNER), json.dumps(OWNER | {"fence": 9}), json.dumps(change(chance, OWNER, 1))]
    )


DAMAGES: Sequence[Callable[[random.Random, Files], None]] = (
    *(junk, cut, flip, move, empty, lose, wrong, wrong, wrong_inputs, wrong_inputs, newer, lock),
)


def fleet_with(contents: Contents, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    store = SimpleNamespace(read=lambda runs=20: contents, break_lock=lambda held: None)
    # the package has a function of the name of this module
    for module in (session, import_module("orchestrator.verbs.unlock")):
        monkeypatch.setattr(module, "open_store", lambda fleet: store)
    return cast(Fleet, SimpleNamespace(settings=SETTINGS))


def shown(contents: Contents) -> list[str]:
    try:
        open_run(contents.runs, SETTINGS)
        problem = ""
    except Unreadable as unreadable:
        problem = str(unreadable)
    return list(lines(FleetState({}, {}, {}, {}), contents, SETTINGS, Journal("", problem)))


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.exhaustive) for part in range(1, 5))])
def test_status_and_rollback_end_with_a_line(
    part: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(part * CASES_OF_FUZZ // 5, (part + 1) * CASES_OF_FUZZ // 5):
        chance = random.Random(number)
        files = whole(chance.choice(CASES))
        for damage in chance.choices(DAMAGES, k=chance.randrange(1, 4)):
            damage(chance, files)
        contents = files.contents()
        fleet = fleet_with(contents, monkeypatch)
        said = shown(contents)
        assert said[0] == "shop", number
        assert sum(line.startswith("  lock  ") for line in said) == 1, number
        assert all("\n" not in line for line in said), (number, said)
        assert len([line for line in said if line.startswith("  JOURNAL ")]) == len(contents.remarks), number
        found, passed = settle.earlier_run(fleet, "rollback", contents)
        assert found is None or passed is None, number
        err = capsys.readouterr().err
        assert err.count("the rollback continues without settling") == (passed is not None), number
        show_lock(fleet)
        unlock(fleet, cast(Any, None))
        with suppress(Refused):
            show._earlier(fleet, "release")
        refusals: list[str] = []
        try:
            show._earlier(fleet, "rollback")
        except Refused as refusal:
            refusals.append(str(refusal))
        # only a paused run refuses a rollback
        assert all("deploys/promote.py continues the release" in line for line in refusals), (number, refusals)
        capsys.readouterr()


def test_a_run_of_a_newer_version_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    files = whole("0.1.0/killed-preparing")
    newer(random.Random(0), files)
    contents = files.contents()
    (line,) = [line for line in shown(contents) if line.startswith("  STOPPED ")]
    assert f"orchestrator 9.9.9, a newer version than this ({__version__})" in line
    assert "settings: unknown key telemetry" in line
    fleet = fleet_with(contents, monkeypatch)
    with pytest.raises(Unreadable, match=r"run deploys/abort\.py with that version, or deploys/rollback\.py"):
        settle.earlier_run(fleet, "release", contents)
    assert settle.earlier_run(fleet, "rollback", contents)[1] is not None
    assert "the rollback continues without settling release by ann@laptop" in capsys.readouterr().err


def test_inputs_that_are_lost_are_not_forgotten() -> None:
    files = whole("0.1.0/killed-before-commit")
    newest = files.runs[max(files.runs)]
    (at,) = [at for at, line in enumerate(newest) if '"record":"inputs"' in line]
    newest[at] = newest[at][:50]
    contents = files.contents()
    assert [remark.text for remark in contents.remarks] == [
        f"runs/{max(files.runs):010d}.jsonl: line {at + 1} (cut off or garbled) left out"
    ]
    with pytest.raises(Unreadable, match=r"KeyError '(settings|verb)'"):
        open_run(contents.runs, SETTINGS)


@pytest.mark.parametrize("release", ["../../etc", "", ".", "a/b", 5, None, "-rf x"])
def test_a_release_that_is_a_path_makes_no_plan(release: object) -> None:
    files = whole("0.1.0/killed-preparing")
    newest = files.runs[max(files.runs)]
    for at, line in enumerate(newest):
        record = json.loads(line)
        if record["record"] == "inputs":
            record["inputs"]["release"] = release
            newest[at] = json.dumps(record)
    with pytest.raises(OrchestratorError, match="is not a release"):
        open_run(files.contents().runs, SETTINGS)

"""Read the lines of a journal, which may be damaged. All functions are pure.

A line may be cut off by a crash, may be garbled, or may be JSON that is not a record. Such a line is left out, and a
remark names the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from orchestrator.journal.records import Begin, Commit, Intent, RunInputs, parse
from orchestrator.journal.store import UNKNOWN, Owner, Record, Remark

NAMED = 3
"""A remark names at most this number of lines that were left out."""


def records_of(file: str, lines: Iterable[str]) -> tuple[list[Record], list[str]]:
    """Return the records on the lines of a journal, and a remark if lines were left out (a list of at most one line).

    Empty lines are ignored. If the Inputs of a run seem to be among the lines that were left out, the result has a
    record of Inputs without any content. The verbs then refuse to continue, because the run must be settled, but cannot
    be settled without its Inputs.

    + file: name of the file, for the remark
    """
    found: list[Record] = []
    bad: list[tuple[int, int, str]] = []
    for number, line in enumerate(filter(str.strip, lines), 1):
        data = loaded(line)
        why = _problem(data)
        if why:
            bad.append((number, len(found), why))
        else:
            found.append(data)
    if not bad:
        return found, []
    if _acted_without_inputs(found, bad[0][1]):
        found.insert(bad[0][1], {"record": RunInputs.kind})
    named = ", ".join(f"line {number} ({why})" for number, _, why in bad[:NAMED])
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return found, [f"{file}: {named}{more} left out"]


def owner_of(data: Any, file: str) -> tuple[Owner, list[Remark]]:
    """Return the holder of a lock, and remarks about the file that names the holder.

    + data: the value of the JSON that names the holder; None if there is no JSON
    + file: name of the file, for the remarks
    """
    if not isinstance(data, Mapping):
        return UNKNOWN, [Remark(f"{file}: empty or garbled, so the holder of the lock is unknown")]
    known = {field.name for field in fields(Owner)}
    if new := sorted(map(str, data.keys() - known)):
        return Owner.from_json(data), [
            Remark(f"{file}: written by a newer version of this tool (unknown key {', '.join(new)[:80]})")
        ]
    if missing := sorted(known - data.keys()):
        return Owner.from_json(data), [Remark(f"{file}: {', '.join(missing)} is missing")]
    return Owner.from_json(data), []


def loaded(line: str) -> Any:
    """Return the value of a line of JSON; None if the line is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _problem(data: Any) -> str:
    """Return why a value is not a record; empty if the value is a record, perhaps of a kind that is unknown here."""
    if data is None:
        return "cut off or garbled"
    if not isinstance(data, Mapping) or not isinstance(data.get("record"), str):
        return "not a record"
    try:
        parse(data)
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError):
        return f"a record of the kind {data['record']} with wrong values"
    return ""


def _acted_without_inputs(records: Sequence[Record], since: int) -> bool:
    """Return whether a run acted although its Inputs are missing: the Inputs were in a line that was left out.

    + since: index in ``records`` at which the first line was left out
    """
    kinds = [str(record["record"]) for record in records]
    acted = {Intent.kind, Commit.kind} & set(kinds[since:])
    return bool(acted) and RunInputs.kind not in kinds and Begin.kind in kinds
